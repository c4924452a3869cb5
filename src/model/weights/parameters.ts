import { PLAIN_ROWS, unitsOf, type RowMap } from '../../backend/kernels/rows.js';
import { panelsOf, type BufferSpec } from '../../tensor/heap.js';
import type { Signal } from '../signal.js';

/**
 * One learned array, named and laid out as PyTorch's modules do, so that any safetensors reader can load it there.
 */
export interface Parameter {
  name: string;
  shape: readonly number[];
  /** Which panels of the packed matrix its rows become. */
  rows: RowMap;
  /** Units of 16 rows that are updated, packed and summed together. */
  units: number;
  initial: Initial;
  /** Whether weight decay takes from it. */
  decays: boolean;
  gradientKind: GradientKind;
}

/** Values before training. */
export type Initial =
  | { kind: 'uniform'; bound: number }
  /** One value for each of as many blocks of rows. */
  | { kind: 'blocks'; values: readonly number[] };

/** Distinct tokens, stream 0, or distinct values of a feature: of the batch's own tokens, or of the source's. */
interface DistinctRows extends Pick<Signal, 'of'> {
  stream: number;
}

/**
 * Where a parameter's gradient comes from: sums of its own; those that are formed together with the weights of the same rows
 * (biases), whose squares count them; those of another parameter, which has the same gradient; a row for each distinct token, or distinct
 * value of a feature; or such rows and sums of its own, which are added where both are used.
 */
export type GradientKind =
  | { kind: 'own' }
  | { kind: 'with weights' }
  | { kind: 'same'; as: string }
  | ({ kind: 'by distinct token' | 'own and by distinct token' } & DistinctRows);

/** A parameter's buffers; the optional ones exist in training. */
export interface ParameterPlan extends Parameter {
  value: BufferSpec;
  /** What the optimizer keeps of it: nothing but in training. */
  states: BufferSpec[];
  gradient?: BufferSpec;
  done?: BufferSpec;
  squares?: BufferSpec;
  /** Its average over the steps, and the step that each unit of it has been brought to. */
  average?: BufferSpec;
  averaged?: BufferSpec;
  accumulated?: AccumulatedPlan;
}

/** Where updates follow from several batches: the mean of their gradients. */
export interface AccumulatedPlan {
  /** Like the parameter. */
  mean: BufferSpec;
  /** [units]: the batch that each unit has taken in, and the sum of squares of its mean. */
  done: BufferSpec;
  squares: BufferSpec;
}

/**
 * How many of a parameter's sums of squares belong to a batch: one for each of its units, one for each 16 distinct tokens, or the
 * latter behind the former. Behind these stand those of batches before.
 */
export function countSquares({ gradientKind, units }: Parameter, distinct: number): number {
  const { kind } = gradientKind;
  const byDistinct = 'stream' in gradientKind ? panelsOf(distinct) : 0;
  return kind === 'by distinct token' ? byDistinct : units + byDistinct;
}

export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Rows and columns: what a row holds stands side by side. A vector has rows alone. */
export function asMatrix([rows, ...rest]: readonly number[]): number[] {
  return rest.length > 0 ? [rows!, elementsOf(rest)] : [rows!];
}

/** A weight matrix. */
export function matrix(
  name: string,
  shape: readonly [rows: number, columns: number],
  initial: Initial,
  { rows = PLAIN_ROWS, gradientKind = { kind: 'own' } }: Partial<Parameter> = {},
): Parameter {
  return { name, shape, rows, units: unitsOf(shape[0], rows), initial, decays: true, gradientKind };
}

/** A bias, whose gradient is formed together with that of the weights of the same rows. */
export function bias(
  name: string,
  length: number,
  initial: Initial,
  { rows = PLAIN_ROWS, gradientKind = { kind: 'with weights' } }: Partial<Parameter> = {},
): Parameter {
  const units = unitsOf(length, rows);
  return { name, shape: [length], rows, units, initial, decays: false, gradientKind };
}

/** PyTorch's usual bound for the weights of a layer of so many inputs, or of hidden units. */
export function uniform(inputs: number): Initial {
  return { kind: 'uniform', bound: 1 / Math.sqrt(inputs) };
}

export const ZERO: Initial = { kind: 'blocks', values: [0] };
