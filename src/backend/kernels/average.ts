import type { DoubleTensor, Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel, type Units } from './kernel.js';
import { at } from './operands.js';
import { rowArguments, rowsOfUnit, type RowMap } from './rows.js';
import { updateKernel } from './update.js';
import { pointwise } from './work.js';

/**
 * A running average, as its own kind of update: the "parameter" goes a share of the way to the "gradient". The first value, whose share
 * is 1, takes the place of whatever was there.
 */
export const average = updateKernel({
  name: 'average',
  states: [],
  settings: ['share'],
  update: ({ parameter, gradient, settings: { share } }) => ({
    parameter: share === 1 ? gradient : parameter + share * (gradient - parameter),
    states: [],
  }),
  flops: 3,
});

export interface UnitSquaresOperands {
  /** [rows, columns] or [rows] */
  matrix: Tensor;
  rows: RowMap;
  /** [units] */
  squares: DoubleTensor;
}

/** Sum of squares of the rows of each of the units [unit0, unit1), in float64. */
export const unitSquares: Kernel<UnitSquaresOperands, Units> = {
  name: 'unit_squares',
  arguments: ({ matrix, rows, squares }) => [
    ...[at(matrix), matrix.shape[1] ?? 1, ...rowArguments(matrix.shape[0]!, rows)],
    at(squares),
  ],
  call: plainNumbers,
  reference:
    ({ matrix, rows, squares }) =>
    (unit0, unit1) => {
      for (let unit = unit0; unit < unit1; unit++) {
        let sum = 0;
        for (const row of rowsOfUnit(unit, matrix.shape[0]!, rows).rows) {
          if (matrix.dimension === 1) sum += matrix.get(row) ** 2;
          for (let column = 0; column < (matrix.shape[1] ?? 0); column++) {
            sum += matrix.get(row, column) ** 2;
          }
        }
        squares.set(unit, sum);
      }
    },
  work: ({ matrix }) => ({
    kernel: 'unit squares',
    about: matrix,
    changes: [],
    of: (unit0, unit1) =>
      pointwise(matrix, Math.min(matrix.shape[0]!, (unit1 - unit0) * 16), matrix.shape[1] ?? 1, {
        visits: 1,
        flops: 2,
      }),
  }),
};
