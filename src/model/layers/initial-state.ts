import { beginGradient, beginRows, givenGradient } from '../../backend/kernels/initial-state.js';
import { PANEL, panelsOf, type Tensor } from '../../tensor/heap.js';
import { bindParameter, type Binding } from '../binding.js';
import type { BoundSignal, Pack } from '../layer.js';
import { packBias } from '../weights/packed-weight.js';
import type { Parameter } from '../weights/parameters.js';
import { weightGradientGroup } from '../weights/weight-gradients.js';
import type { WorkGroup } from '../work/shares.js';
import type { InitialBuffers } from './cell.js';

/** What the rows of a recurrent layer begin with, on one thread. */
export interface BoundInitialState {
  /** [panels of all states, rows, 16]: what rows start from, when `begin` has run for all of them */
  rows: Tensor;
  /** Its gradient, which the layer leaves there. */
  gradient?: Tensor;
  /** One part's share of the rows: of what is learned before they are dealt, else its own ones, when they have been given theirs. */
  begin(part: number): void;
  /** Where it is given: hands the gradient of the part's own rows to whoever gave it. */
  handBack?(part: number): void;
  weightGradients: WorkGroup[];
  packs: Pack[];
}

/**
 * What another layer leaves for each row. Rows that go on from the batch before begin with what they carry.
 *
 * @param states as below
 */
export function bindGivenState(
  binding: Binding,
  { value, gradient: dValue, start }: BoundSignal,
  buffers: InitialBuffers,
  { stateIn, stateOut }: { stateIn?: Tensor; stateOut: Tensor },
): BoundInitialState {
  const { backend, heap, slotPlan, view, clock } = binding;
  const rows = heap.tensor(buffers.rows);
  const panels = rows.shape[0]!;
  const begin = backend.bind(beginRows, {
    ...{ given: value, out: rows },
    ...(stateIn && { stateIn, stateOut }),
  });
  const gradient = binding.training && buffers.gradient ? heap.tensor(buffers.gradient) : undefined;
  const handBack =
    gradient &&
    backend.bind(givenGradient, {
      dInitial: gradient,
      ...(stateIn && { begun: stateIn.lo(panels, 0, 0) }),
      rowStart: heap.indices(slotPlan.rowStart),
      ...{ out: dValue!, adds: start === 'result' },
    });
  return {
    rows,
    begin(part) {
      begin(...view.rowsOf(part));
      clock.lap('recurrence');
    },
    ...(gradient && { gradient }),
    ...(handBack && {
      handBack(part: number) {
        handBack(...view.rowsOf(part));
        clock.lap('recurrence');
      },
    }),
    ...{ weightGradients: [], packs: [] },
  };
}

/**
 * A learned initial state.
 *
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
  const learned = heap.tensor(buffers.packed!);
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
