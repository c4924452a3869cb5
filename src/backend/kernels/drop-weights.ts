import { PANEL, type DoubleTensor, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel, type Rows, type Units } from './kernel.js';
import { maskArguments, maskAt, type Mask } from './masks.js';
import { at, columnsOf, element, maybe, setElement } from './operands.js';
import { rowArguments, rowsOfUnit, type RowMap } from './rows.js';
import { pointwise } from './work.js';

export interface DropRowsOperands extends Mask {
  /** [panels, rows, 16] */
  matrix: Tensor;
  /** [rows]: what each row's draw is keyed by */
  numbers: IndexTensor;
}

/** Drops whole rows [row0, row1) of a matrix, in place; the same call draws the same rows. */
export const dropRows: Kernel<DropRowsOperands, Rows> = {
  name: 'drop_rows',
  arguments: (o) => [
    ...[at(o.matrix), o.matrix.stride[0]!, o.matrix.shape[0]!, at(o.numbers)],
    ...maskArguments(o),
  ],
  call: plainNumbers,
  reference: (o) => (row0, row1) => {
    for (let row = row0; row < row1; row++) {
      const factor = maskAt(o, o.numbers.get(row), 0);
      for (let column = 0; column < columnsOf(o.matrix); column++) {
        setElement(o.matrix, row, column, factor && element(o.matrix, row, column) * factor);
      }
    }
  },
  work: ({ matrix }) => ({
    kernel: 'drop rows',
    about: matrix,
    changes: [matrix],
    of: (row0, row1) => pointwise(matrix, row1 - row0, columnsOf(matrix), { visits: 2, flops: 1 }),
  }),
};

export interface DropWeightsOperands extends Mask {
  /** [rows, columns], or whole panels of columns, of which the last ones are zero */
  weight: Tensor;
  /** The same; may be the weight itself. */
  out: Tensor;
  rows: RowMap;
  /**
   * [units]: sum of squares of what is left of each unit's rows, and of as many biases of the same rows as have these values.
   */
  squares?: { out: DoubleTensor; bias?: { values: Tensor; copies: number } };
}

/** Drops single weights of units [unit0, unit1); the same call draws the same ones. */
export const dropWeights: Kernel<DropWeightsOperands, Units> = {
  name: 'drop_weights',
  arguments: (o) => [
    ...[at(o.weight), o.weight.shape[1]!, at(o.out), o.out.shape[1]!],
    Math.min(o.weight.shape[1]!, o.out.shape[1]!),
    ...rowArguments(o.weight.shape[0]!, o.rows),
    ...maskArguments(o),
    ...[o.squares ? at(o.squares.out) : 0],
    ...[maybe(o.squares?.bias?.values), o.squares?.bias?.copies ?? 0],
  ],
  call: plainNumbers,
  reference: (o) => (unit0, unit1) => {
    const columns = Math.min(o.weight.shape[1]!, o.out.shape[1]!);
    for (let unit = unit0; unit < unit1; unit++) {
      let squares = 0;
      for (const row of rowsOfUnit(unit, o.weight.shape[0]!, o.rows).rows) {
        for (let column = 0; column < columns; column++) {
          const factor = maskAt(o, row, column);
          const value = factor && o.weight.get(row, column) * factor;
          o.out.set(row, column, value);
          squares += value * value;
        }
        const bias = o.squares?.bias;
        if (bias) squares += bias.copies * bias.values.get(row) ** 2;
      }
      o.squares?.out.set(unit, squares);
    }
  },
  work: ({ weight, out }) => ({
    kernel: 'drop weights',
    about: weight,
    changes: weight.offset === out.offset ? [out] : [],
    of(unit0, unit1) {
      const rows = Math.min(weight.shape[0]!, (unit1 - unit0) * PANEL);
      return pointwise(weight, rows, weight.shape[1]!, { visits: 2, flops: 1 });
    },
  }),
};
