import type { Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel, type Rows } from './kernel.js';
import { at, element, setElement } from './operands.js';
import { pointwise } from './work.js';

export interface CopyColumnsOperands {
  /** [panels, rows, 16] each: columns from `column` on. */
  from: { matrix: Tensor; column: number };
  to: { matrix: Tensor; column: number };
  columns: number;
  /** Whether they are added to what is there. */
  adds: boolean;
}

/** Copies columns of rows [row0, row1) from one matrix to another, or adds them. */
export const copyColumns: Kernel<CopyColumnsOperands, Rows> = {
  name: 'copy_columns',
  arguments: ({ from, to, columns, adds }) => [
    ...[at(from.matrix), from.matrix.stride[0]!, from.column],
    ...[at(to.matrix), to.matrix.stride[0]!, to.column],
    ...[columns, adds ? 1 : 0],
  ],
  call: plainNumbers,
  reference:
    ({ from, to, columns, adds }) =>
    (row0, row1) => {
      for (let row = row0; row < row1; row++) {
        for (let column = 0; column < columns; column++) {
          const value = element(from.matrix, row, from.column + column);
          const former = adds ? element(to.matrix, row, to.column + column) : 0;
          setElement(to.matrix, row, to.column + column, value + former);
        }
      }
    },
  work: ({ to, columns, adds }) => ({
    kernel: 'copy columns',
    about: to.matrix,
    changes: adds ? [to.matrix] : [],
    of: (row0, row1) =>
      pointwise(to.matrix, row1 - row0, columns, { visits: adds ? 3 : 2, flops: adds ? 1 : 0 }),
  }),
};
