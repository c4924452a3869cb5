import type { NetworkShape } from '../model/parameters.js';
import { PANEL, panelsOf, type FloatArray } from '../tensor/heap.js';
import type { Engine } from './engine.js';

/**
 * What one row of a language model carries from batch to batch, kept outside of the heap between two of them: hidden and
 * cell states of all layers, exactly as they are.
 */
export type CarriedState = Float64Array;

/** The state before the first token: zeros. */
export function createState({ layers }: NetworkShape): CarriedState {
  return new Float64Array(layers.reduce((sum, hidden) => sum + 2 * panelsOf(hidden) * PANEL, 0));
}

/** Has a row of the batch in `slot` start from a state. */
export function putState(engine: Engine, slot: number, row: number, state: CarriedState): void {
  let at = 0;
  for (const panel of panelsOfRow(engine, slot, row)) {
    panel.set(state.subarray(at, at + PANEL));
    at += PANEL;
  }
}

/** Takes the state that a row of the batch in `slot` has ended with. */
export function takeState(engine: Engine, slot: number, row: number, state: CarriedState): void {
  let at = 0;
  // The other slot's batch starts from the state that this one's leaves.
  for (const panel of panelsOfRow(engine, slot ^ 1, row)) {
    state.set(panel, at);
    at += PANEL;
  }
}

function* panelsOfRow({ heap, plan }: Engine, slot: number, row: number): Generator<FloatArray> {
  for (const layer of plan.layers) {
    const spec = layer.states[slot]!;
    const [panels] = spec.shape;
    const [stride] = spec.stride;
    const values = heap.flat(spec);
    for (let panel = 0; panel < panels!; panel++) {
      const start = panel * stride! + row * PANEL;
      yield values.subarray(start, start + PANEL);
    }
  }
}
