import { carryingLayers } from '../model/plan.js';
import { PANEL, panelsOf, type FloatArray } from '../tensor/heap.js';
import type { Engine } from './engine.js';

/**
 * What one row of a language model carries from batch to batch, kept outside of the heap between two of them: the states
 * of all layers, exactly as they are. Empty before the first token: there they are zeros.
 */
export type CarriedState = Float64Array[];

/** Has a row of the batch in `slot` start from a state. */
export function putState(engine: Engine, slot: number, row: number, state: CarriedState): void {
  let at = 0;
  for (const panel of panelsOfRow(engine, slot, row)) {
    const values = state[at++];
    if (values) panel.set(values);
    else panel.fill(0);
  }
}

/** Takes the state that a row of the batch in `slot` has ended with. */
export function takeState(engine: Engine, slot: number, row: number, state: CarriedState): void {
  let at = 0;
  // The other slot's batch starts from the state that this one's leaves.
  for (const panel of panelsOfRow(engine, slot ^ 1, row)) {
    state[at++] = Float64Array.from(panel);
  }
}

/**
 * Has the rows of the batch in `slot` start from what rows of it have ended with.
 *
 * @param parents [rows]: which one each row goes on from; several may go on from one
 */
export function goOnFrom({ heap, plan }: Engine, slot: number, parents: readonly number[]): void {
  for (const { of, states } of carryingLayers(plan.layers)) {
    if (!states || of === 'source') continue;
    const [from, to] = [heap.flat(states[slot ^ 1]!), heap.flat(states[slot]!)];
    copyRows(from, to, states[slot]!.stride[0]!, parents);
  }
}

/**
 * Copies rows of one panel matrix to another, eight bytes at a time: of half a million numbers a step that is half the time.
 *
 * @param stride from panel to panel
 */
function copyRows(
  from: FloatArray,
  to: FloatArray,
  stride: number,
  parents: readonly number[],
): void {
  const numbers = 8 / from.BYTES_PER_ELEMENT;
  const [source, target] = [from, to].map(
    ({ buffer, byteOffset, byteLength }) => new Float64Array(buffer, byteOffset, byteLength / 8),
  ) as [Float64Array, Float64Array];
  const width = PANEL / numbers;
  for (let panel = 0; panel < source.length; panel += stride / numbers) {
    for (let row = 0; row < parents.length; row++) {
      const begin = panel + parents[row]! * width;
      const place = panel + row * width;
      for (let i = 0; i < width; i++) target[place + i] = source[begin + i]!;
    }
  }
}

function* panelsOfRow({ heap, plan }: Engine, slot: number, row: number): Generator<FloatArray> {
  for (const { states, panel0, width } of plan.carried) {
    const [stride] = states[slot]!.stride;
    const values = heap.flat(states[slot]!);
    for (let panel = panel0; panel < panel0 + panelsOf(width); panel++) {
      const start = panel * stride! + row * PANEL;
      yield values.subarray(start, start + PANEL);
    }
  }
}
