import { PANEL, panelsOf, type BufferSpec, type HeapPlan } from '../tensor/heap.js';
import type { BoundSignal, PlannedNetworkLayer } from './layer.js';
import type { Signal } from './signal.js';
import { mostRows, sizesOf, type NetworkSizes } from './sizes.js';

/** Where the gradients of a layer's output lie: of its rows, and of what stands at each row's last token. */
export interface SignalGradients {
  whole?: BufferSpec;
  final?: BufferSpec;
}

export interface NetworkGradients {
  /** By layer. */
  outputs: SignalGradients[];
  /** By layer and input: whether it is the first to write that gradient, layers being walked from the top to the bottom. */
  starts: BoundSignal['start'][][];
}

/** A buffer to be: as wide as the widest gradient that lies there in its time. */
interface Room extends Pick<Signal, 'of'> {
  per: 'row' | 'token';
  panels: number;
}

/**
 * Gives every signal a place for its gradient. It is needed from when the topmost layer above writes it until the layer that it
 * belongs to has read it, which may be when its weights get theirs; else the next one takes the place. Two lie where the values
 * were, which nobody needs any more: the top layer's, which the loss forms, and those by distinct token, which are formed when all
 * weights have their gradients.
 *
 * @param name of the buffers
 */
export function planGradients(
  heap: HeapPlan,
  layers: readonly PlannedNetworkLayer[],
  inputs: readonly (readonly number[])[],
  sizes: NetworkSizes,
  name = 'd signal',
): NetworkGradients {
  const outputs: SignalGradients[] = layers.map(() => ({}));
  const starts: BoundSignal['start'][][] = layers.map(() => []);
  const rooms: Room[] = [];
  const free: Room[] = [];
  const taken: { whole?: Room; final?: Room }[] = layers.map(() => ({}));
  const take = (per: Room['per'], signal: Signal): Room => {
    // Of the source there are as many rows, and other tokens.
    const [of, { width }] = [per === 'row' ? undefined : signal.of, signal];
    const at = free.findLastIndex((room) => room.per === per && room.of === of);
    const room = at < 0 ? { per, panels: 0, ...(of && { of }) } : free.splice(at, 1)[0]!;
    if (at < 0) rooms.push(room);
    room.panels = Math.max(room.panels, panelsOf(width));
    return room;
  };
  outputs.at(-1)!.whole = layers.at(-1)!.values!;
  for (let index = layers.length - 1; index >= 0; index--) {
    const { reads, gradientInPlace } = layers[index]!;
    if (gradientInPlace) {
      const { whole, final } = taken[index]!;
      for (const room of [final, whole]) if (room) free.push(room);
    }
    starts[index] = inputs[index]!.map((place) => {
      const below = layers[place];
      // Nobody asks for the gradient of the tokens.
      if (!below) return 'zero';
      const own = taken[place]!;
      if (own[reads] ?? outputs[place]!.whole) return 'result';
      if (reads === 'final') own.final = take('row', below.output);
      else if (below.output.per === 'distinct') outputs[place]!.whole = below.values!;
      else own.whole = take(below.output.per, below.output);
      return 'zero';
    });
  }
  const buffers = new Map(
    rooms.map((room, number) => {
      const rows = mostRows(sizesOf(sizes, room.of), room);
      return [room, heap.panels(`${name} ${number}`, rows, room.panels * PANEL)];
    }),
  );
  taken.forEach(({ whole, final }, index) => {
    if (whole) outputs[index]!.whole = buffers.get(whole)!;
    if (final) outputs[index]!.final = buffers.get(final)!;
  });
  return { outputs, starts };
}
