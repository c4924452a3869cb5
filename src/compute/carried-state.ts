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
    const [stride] = states[slot]!.stride;
    for (let panel = 0; panel < from.length; panel += stride!) {
      parents.forEach((parent, row) => {
        const [source, target] = [panel + parent * PANEL, panel + row * PANEL];
        for (let i = 0; i < PANEL; i++) to[target + i] = from[source + i]!;
      });
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
