import { beginGradient, beginRows } from '../../backend/kernels/initial-state.js';
import { PANEL, panelsOf, type Tensor } from '../../tensor/heap.js';
import { bindParameter, weightGradientGroup, type Binding } from '../binding.js';
import type { Pack } from '../layer.js';
import { packBias } from '../packed-weight.js';
import type { Parameter } from '../parameters.js';
import type { WorkGroup } from '../work/shares.js';
import type { InitialBuffers } from './cell.js';

/** A learned initial state of a recurrent layer, on one thread. */
export interface BoundInitialState {
  /** [panels of all states, rows, 16]: what rows start from, when `begin` has run for all of them */
  rows: Tensor;
  /** Its gradient, which the layer leaves there. */
  gradient?: Tensor;
  /** One part's share of the rows, before they are dealt. */
  begin(part: number): void;
  weightGradients: WorkGroup[];
  packs: Pack[];
}

/**
 * @param parameters by state
 * @param states of the slot: what rows carry before its batch, where they do, and after it
 */
export function bindInitialState(
  binding: Binding,
  parameters: readonly Parameter[],
  buffers: InitialBuffers,
  states: { stateIn?: Tensor; stateOut: Tensor },
): BoundInitialState {
  const { backend, heap, slotPlan, view, clock } = binding;
  const { stateIn, stateOut } = states;
  const rows = heap.tensor(buffers.rows);
  const panels = rows.shape[0]!;
  const units = panels / parameters.length;
  const learned = heap.tensor(buffers.packed);
  const begin = backend.bind(beginRows, {
    ...{ learned, out: rows },
    ...(stateIn && { stateIn, stateOut }),
  });
  const gradient = binding.training && buffers.gradient ? heap.tensor(buffers.gradient) : undefined;
  const ofState = (matrix: Tensor, state: number): Tensor =>
    matrix.lo(state * units, 0, 0).hi(units, matrix.shape[1]!, PANEL);
  return {
    rows,
    ...(gradient && { gradient }),
    begin(part) {
      begin(...view.share(view.rows, part));
      clock.lap('recurrence');
    },
    weightGradients: gradient
      ? parameters.map(({ name, shape }, state) => {
          const { gradient: out, squares } = bindParameter(binding, name);
          const sum = backend.bind(beginGradient, {
            dInitial: ofState(gradient, state),
            ...(stateIn && { begun: stateIn.lo(panels, 0, 0) }),
            rowStart: heap.indices(slotPlan.rowStart),
            segments: heap.indices(slotPlan.shardRows),
            ...{ out: out!, squares: squares! },
          });
          return weightGradientGroup(binding, panelsOf(shape[0]!), () => view.rows, sum);
        })
      : [],
    packs: parameters.map(({ name }, state) =>
      packBias(binding, [name], learned.lo(state * units * PANEL).hi(units * PANEL)),
    ),
  };
}
