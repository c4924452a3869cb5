import { PANEL, panelsOf, type FloatArray } from '../tensor/heap.js';
import { clearLines, LineCopies } from '../tensor/panel-lines.js';
import type { Engine } from './engine.js';

/**
 * What one row of a language model carries from batch to batch, kept outside of the heap between two of them: the states
 * of all layers, exactly as they are. Empty before the first token: there they are zeros.
 */
export interface CarriedState {
  /** State after state, whole panels of each; in one array, since a state that remembers tokens has thousands of panels. */
  values?: FloatArray;
}

/** Has a row of the batch in `slot` start from a state. */
export function putState(
  engine: Engine,
  slot: number,
  row: number,
  { values }: CarriedState,
): void {
  for (const { state, panels, start, stride, at } of linesOfRow(engine, slot, row)) {
    if (values) new LineCopies(values, state).copy(panels, at, PANEL, start, stride);
    else clearLines(state, panels, start, stride);
  }
}

/** Takes the state that a row of the batch in `slot` has ended with. */
export function takeState(engine: Engine, slot: number, row: number, state: CarriedState): void {
  const values = (state.values ??= newValues(engine));
  // The other slot's batch starts from the state that this one's leaves.
  for (const { state, panels, start, stride, at } of linesOfRow(engine, slot ^ 1, row)) {
    new LineCopies(state, values).copy(panels, start, stride, at, PANEL);
  }
}

/** As many values as a row carries, of the heap's kind. */
function newValues({ heap, plan }: Engine): FloatArray {
  const length = plan.carried.reduce((sum, { width }) => sum + panelsOf(width) * PANEL, 0);
  const isDouble = plan.carried.some(({ states }) => heap.flat(states[0]!) instanceof Float64Array);
  return isDouble ? new Float64Array(length) : new Float32Array(length);
}

/** A state's lines of one row: where the first begins in the layer's states and in the row's own values, and how far apart they are in the former. */
function* linesOfRow({ heap, plan }: Engine, slot: number, row: number) {
  let at = 0;
  for (const { states, panel0, width } of plan.carried) {
    const [stride] = states[slot]!.stride as [number];
    const panels = panelsOf(width);
    const start = panel0 * stride + row * PANEL;
    yield { state: heap.flat(states[slot]!), panels, start, stride, at };
    at += panels * PANEL;
  }
}
