import type { Tensor } from '../../tensor/heap.js';
import { element } from './operands.js';

/** A row's mean, and what its distances from it are multiplied by. */
export interface RowStatistics {
  mean: number;
  scale: number;
}

/** Of the columns of a row of a panel matrix that are normalised together. */
export function statisticsOf(
  values: Tensor,
  row: number,
  columns: readonly number[],
  epsilon: number,
): RowStatistics {
  const width = columns.length;
  const mean = columns.reduce((sum, column) => sum + element(values, row, column), 0) / width;
  const variance =
    columns.reduce((sum, column) => sum + (element(values, row, column) - mean) ** 2, 0) / width;
  return { mean, scale: 1 / Math.sqrt(variance + epsilon) };
}

/**
 * With n the normalised values and d = g dy, the gradient of a value is (d − mean(d) − n mean(d n)) times the scale.
 *
 * @param of.dy gradient of what gain and bias make of normalised values, in the same columns
 * @param row of the gradient, and of the values unless another is told
 */
export function meansOf(
  of: { values: Tensor; dy: Tensor; gain: Tensor },
  row: number,
  columns: readonly number[],
  { mean, scale }: RowStatistics,
  valuesRow = row,
): { gradient(value: number, at: { dy: number; gain: number }): number } {
  let [sum, product] = [0, 0];
  for (const column of columns) {
    const d = element(of.dy, row, column) * of.gain.get(column);
    sum += d / columns.length;
    product += (d * (element(of.values, valuesRow, column) - mean) * scale) / columns.length;
  }
  return {
    gradient: (value, { dy, gain }) => (dy * gain - sum - (value - mean) * scale * product) * scale,
  };
}
