import { PANEL, panelsOf, type BufferSpec, type HeapPlan } from '../tensor/heap.js';
import type { Layer, PlannedLayer } from './layer.js';
import type { Signal } from './signal.js';
import { mostRows, type NetworkSizes } from './sizes.js';

/** Where the gradients of a layer's output lie: of its rows, and of what stands at each row's last token. */
export interface SignalGradients {
  whole?: BufferSpec;
  final?: BufferSpec;
}

/** A buffer to be: as wide as the widest gradient that lies there in its time. */
interface Room {
  per: 'row' | 'token';
  panels: number;
}

/**
 * Gives every signal a place for its gradient. It is needed from when the layer above writes it until the layer that it belongs
 * to has read it, which may be when its weights get theirs; else the next one takes the place. Two lie where the values were, which nobody needs any more: the top
 * layer's, which the loss forms, and those by distinct token, which are formed when all weights have their gradients.
 */
export function planGradients(
  heap: HeapPlan,
  layers: readonly (Layer & PlannedLayer)[],
  sizes: NetworkSizes,
): SignalGradients[] {
  const planned: SignalGradients[] = layers.map(() => ({}));
  const rooms: Room[] = [];
  const free: Room[] = [];
  const taken: { whole?: Room; final?: Room }[] = layers.map(() => ({}));
  const take = (per: Room['per'], { width }: Signal): Room => {
    const at = free.findLastIndex((room) => room.per === per);
    const room = at < 0 ? { per, panels: 0 } : free.splice(at, 1)[0]!;
    if (at < 0) rooms.push(room);
    room.panels = Math.max(room.panels, panelsOf(width));
    return room;
  };
  planned.at(-1)!.whole = layers.at(-1)!.values!;
  for (let index = layers.length - 1; index > 0; index--) {
    const { reads, gradientInPlace } = layers[index]!;
    const below = layers[index - 1]!;
    if (gradientInPlace) {
      const { whole, final } = taken[index]!;
      for (const room of [final, whole]) if (room) free.push(room);
    }
    if (reads === 'final') taken[index - 1]!.final = take('row', below.output);
    else if (below.output.per === 'distinct') planned[index - 1]!.whole = below.values!;
    else taken[index - 1]!.whole = take(below.output.per, below.output);
  }
  const buffers = new Map(
    rooms.map((room, number) => {
      const rows = mostRows(sizes, room.per);
      return [room, heap.panels(`d signal ${number}`, rows, room.panels * PANEL)];
    }),
  );
  taken.forEach(({ whole, final }, index) => {
    if (whole) planned[index]!.whole = buffers.get(whole)!;
    if (final) planned[index]!.final = buffers.get(final)!;
  });
  return planned;
}
