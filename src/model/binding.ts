import type { Backend } from '../backend/backend.js';
import { copyColumns } from '../backend/kernels/columns.js';
import type { RowMap } from '../backend/kernels/rows.js';
import { average as averageKernel, unitSquares } from '../backend/kernels/average.js';
import type { UpdateOperands } from '../backend/kernels/update.js';
import type { WeightGradientOperands } from '../backend/kernels/weight-gradient.js';
import type { Optimizer } from '../optimizers/optimizer.js';
import type { DoubleTensor, Heap, IndexTensor, Tensor } from '../tensor/heap.js';
import type { SlotPlan } from './batch/slot-plan.js';
import type { SlotView } from './batch/slot-view.js';
import type { Clock } from './clock.js';
import type { ParameterPlan } from './weights/parameters.js';
import type { Signal } from './signal.js';
import type { NetworkSizes } from './sizes.js';
import type { Share } from './work/teams.js';

/** Rows [row0, row1) or units of a kernel. */
export type RowKernel = (row0: number, row1: number) => void;

/** What layers need to bind their kernels: a backend, the planned heap, one slot and one thread's scratch. */
export interface Binding {
  backend: Backend;
  heap: Heap;
  sizes: NetworkSizes;
  optimizer: Optimizer;
  parameters: readonly ParameterPlan[];
  slot: number;
  slotPlan: SlotPlan;
  view: SlotView;
  /** The same of the source's tokens, where the network reads them. */
  source?: Binding;
  /** Whether gradients are formed and elements dropped; evaluation reads the same weights and buffers without. */
  training: boolean;
  scratch: Tensor;
  settings: DoubleTensor;
  averageSettings?: DoubleTensor;
  accumulationSettings?: DoubleTensor;
  clock: Clock;
}

/** A parameter's views on the heap; the optional ones exist in training. */
export interface BoundParameter {
  value: Tensor;
  rows: RowMap;
  units: number;
  decays: boolean;
  /** What the optimizer keeps of it. */
  states: Tensor[];
  gradient?: Tensor;
  done?: IndexTensor;
  squares?: DoubleTensor;
  average?: Tensor;
  averaged?: IndexTensor;
  accumulated?: { mean: Tensor; done: IndexTensor; squares: DoubleTensor };
}

export function bindParameter({ heap, parameters }: Binding, name: string): BoundParameter {
  const p = parameters.find((parameter) => parameter.name === name);
  if (!p) throw new Error(`the network has no parameter ${name}`);
  return {
    value: heap.tensor(p.value),
    rows: p.rows,
    units: p.units,
    decays: p.decays,
    states: p.states.map((spec) => heap.tensor(spec)),
    ...(p.gradient && { gradient: heap.tensor(p.gradient) }),
    ...(p.done && { done: heap.indices(p.done) }),
    ...(p.squares && { squares: heap.doubles(p.squares) }),
    ...(p.average && { average: heap.tensor(p.average) }),
    ...(p.averaged && { averaged: heap.indices(p.averaged) }),
    ...(p.accumulated && {
      accumulated: {
        mean: heap.tensor(p.accumulated.mean),
        done: heap.indices(p.accumulated.done),
        squares: heap.doubles(p.accumulated.squares),
      },
    }),
  };
}

/** A gradient by distinct token, in place of a dense one or added to it, and each row's place in it. */
type Sparse = { gradient: Tensor; index: IndexTensor };

/** Binds the update of a parameter: by the gradient of its batch, or the mean of those of several. */
export function bindUpdate(binding: Binding, name: string, sparse?: Sparse): RowKernel {
  const { backend, optimizer, settings, scratch } = binding;
  const parameter = bindParameter(binding, name);
  const { accumulated } = parameter;
  return backend.bind(optimizer.kernel, {
    parameter: parameter.value,
    states: parameter.states,
    ...(accumulated ? { gradient: accumulated.mean } : gradientOf(parameter, sparse)),
    rows: parameter.rows,
    weightDecay: parameter.decays ? optimizer.weightDecay : 0,
    done: parameter.done!,
    settings,
    scratch,
  });
}

/** Of a batch, as updates read it. */
function gradientOf(
  { gradient }: BoundParameter,
  sparse: Sparse | undefined,
): Pick<UpdateOperands, 'gradient' | 'index' | 'dense'> {
  if (!sparse) return { gradient: gradient! };
  const { gradient: rows, index } = sparse;
  return { gradient: rows, index, ...(gradient && { dense: gradient }) };
}

/** Binds what takes a batch's gradient into the mean of those of several, and sums up the squares of that. */
export function bindAccumulation(binding: Binding, name: string, sparse?: Sparse): RowKernel {
  const { backend, accumulationSettings, scratch } = binding;
  const parameter = bindParameter(binding, name);
  const { rows, accumulated } = parameter;
  const { mean, done, squares } = accumulated!;
  const add = backend.bind(averageKernel, {
    ...{ parameter: mean, states: [], ...gradientOf(parameter, sparse) },
    ...{ rows, weightDecay: 0, done, settings: accumulationSettings!, scratch },
  });
  const square = backend.bind(unitSquares, { matrix: mean, rows, squares });
  return (from, to) => {
    add(from, to);
    square(from, to);
  };
}

/**
 * Binds what brings a parameter's average towards it; nothing where no averages are kept.
 */
export function bindAverage(binding: Binding, name: string): RowKernel[] {
  const { backend, averageSettings, scratch } = binding;
  const { value, rows, average, averaged } = bindParameter(binding, name);
  if (!average || !averageSettings) return [];
  const kernel = backend.bind(averageKernel, {
    ...{ parameter: average, states: [], gradient: value, rows, weightDecay: 0 },
    ...{ done: averaged!, settings: averageSettings, scratch },
  });
  return [kernel];
}

/** The order in which all sums over the rows of a signal run, shard by shard; a row by its place where none is told. */
export function sumOrder(
  { heap, slotPlan }: Binding,
  per: Signal['per'],
): Pick<WeightGradientOperands, 'segments' | 'orderOutput' | 'orderInput' | 'runs'> {
  if (per === 'row') return { segments: heap.indices(slotPlan.shardRows) };
  if (per === 'distinct') return { segments: heap.indices(slotPlan.distinctRange) };
  const order = heap.indices(slotPlan.order);
  return {
    segments: heap.indices(slotPlan.shardTokens),
    orderOutput: order,
    orderInput: order,
    runs: heap.indices(slotPlan.runs),
  };
}

/** Whether two views begin at the same place of the heap. */
export function isSamePlace(one: Tensor, other: Tensor): boolean {
  return one.offset === other.offset;
}

/**
 * What takes a gradient from one panel matrix to another: copies columns, or adds them. Nothing where they are there already.
 *
 * @param to.start whether nobody has written there before
 */
export function bindHandOver(
  { backend }: Binding,
  from: { matrix: Tensor; column: number },
  to: { matrix: Tensor; column: number; start: 'zero' | 'result' },
  columns: number,
): RowKernel | undefined {
  const isThere = isSamePlace(from.matrix, to.matrix) && from.column === to.column;
  if (isThere && to.start === 'zero') return undefined;
  return backend.bind(copyColumns, { from, to, columns, adds: to.start === 'result' });
}

/** Waits for the other members of a part's team, if there are any. */
export function* meet({ view, clock }: Binding, part: number): Share {
  if (!view.isInTeam(part)) return;
  yield;
  clock.start(part);
}

/** Rows of a signal in a batch. */
export function countRows({ view }: Binding, per: Signal['per']): number {
  return per === 'row' ? view.rows : per === 'token' ? view.tokens : view.distinct();
}
