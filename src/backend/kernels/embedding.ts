import ops from 'ndarray-ops';
import { PANEL, type DoubleTensor, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel, type Rows } from './kernel.js';
import { at, columnsOf, setElement } from './operands.js';
import { bytesOf, pointwise } from './work.js';

export interface GatherOperands {
  /** [vocabulary, width] */
  table: Tensor;
  ids: IndexTensor;
  /** [width panels, distinct, 16] */
  out: Tensor;
}

/** Copies rows [row0, row1) of the distinct tokens out of the embedding table. */
export const gatherRows: Kernel<GatherOperands, Rows> = {
  name: 'gather_rows',
  arguments: ({ table, ids, out }) => [
    ...[at(table), table.shape[1]!, at(ids)],
    ...[at(out), out.stride[0]!],
  ],
  call: plainNumbers,
  reference:
    ({ table, ids, out }) =>
    (row0, row1) => {
      for (let row = row0; row < row1; row++) {
        for (let column = 0; column < columnsOf(out); column++) {
          const value = column < table.shape[1]! ? table.get(ids.get(row), column) : 0;
          setElement(out, row, column, value);
        }
      }
    },
  work: ({ table }) => ({
    kernel: 'gather rows',
    about: table,
    changes: [],
    of: (row0, row1) => pointwise(table, row1 - row0, table.shape[1]!, { visits: 2, flops: 0 }),
  }),
};

export interface TokenSumOperands {
  gradient: Tensor;
  /** [distinct + 1]: where the positions of each distinct token begin. */
  starts: IndexTensor;
  positions: IndexTensor;
  out: Tensor;
}

/** Sums gradient rows over the positions of each distinct token, in global order, for a range of panels. */
export const tokenSum: Kernel<
  TokenSumOperands,
  [distinct: number, panel0: number, panel1: number]
> = {
  name: 'token_sum',
  arguments: ({ gradient, starts, positions, out }) => [
    ...[at(gradient), gradient.stride[0]!, at(starts), at(positions)],
    ...[at(out), out.stride[0]!],
  ],
  call: plainNumbers,
  reference:
    ({ gradient, starts, positions, out }) =>
    (distinct, panel0, panel1) => {
      for (let panel = panel0; panel < panel1; panel++) {
        for (let d = 0; d < distinct; d++) {
          const row = out.pick(panel, d, null);
          ops.assigns(row, 0);
          for (let i = starts.get(d); i < starts.get(d + 1); i++) {
            ops.addeq(row, gradient.pick(panel, positions.get(i), null));
          }
        }
      }
    },
  work: ({ gradient, starts, out }) => ({
    kernel: 'token sum',
    about: gradient,
    changes: [],
    of(distinct, panel0, panel1) {
      const columns = (panel1 - panel0) * PANEL;
      const tokens = starts.get(distinct);
      return {
        size: `${tokens} × ${columns}`,
        flops: tokens * columns,
        bytes: bytesOf(out, (tokens + distinct) * columns),
      };
    },
  }),
};

export interface RowSquaresOperands {
  /** [panels, rows, 16] */
  matrix: Tensor;
  sums: DoubleTensor;
}

/** Sum of squares of each block of 16 rows of a panel matrix, in float64. */
export const rowSquares: Kernel<
  RowSquaresOperands,
  [rows: number, block0: number, block1: number]
> = {
  name: 'row_squares',
  arguments: ({ matrix, sums }) => [at(matrix), matrix.stride[0]!, matrix.shape[0]!, at(sums)],
  call: plainNumbers,
  reference:
    ({ matrix, sums }) =>
    (rows, block0, block1) => {
      for (let block = block0; block < block1; block++) {
        const first = block * PANEL;
        const some = matrix
          .lo(0, first, 0)
          .hi(matrix.shape[0]!, Math.min(PANEL, rows - first), PANEL);
        sums.set(block, ops.norm2(some) ** 2);
      }
    },
  work: ({ matrix }) => ({
    kernel: 'row squares',
    about: matrix,
    changes: [],
    of(rows, block0, block1) {
      const some = Math.min(rows, block1 * PANEL) - block0 * PANEL;
      return pointwise(matrix, some, matrix.shape[0]! * PANEL, { visits: 1, flops: 2 });
    },
  }),
};
