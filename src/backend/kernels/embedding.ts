import { PANEL, type DoubleTensor, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel, type Rows } from './kernel.js';
import { at, columnsOf, element, maybe, setElement } from './operands.js';
import { bytesOf, pointwise } from './work.js';

/** Loaded where the reference computes, and there alone: threads start sooner without, and browsers have no modules of Node. */
function loadOps() {
  const { createRequire } = process.getBuiltinModule('node:module');
  return createRequire(import.meta.url)('ndarray-ops') as typeof import('ndarray-ops');
}

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

export interface SpreadOperands {
  /** [panels, distinct, 16] */
  from: Tensor;
  /** [places]: which distinct token stands at each */
  index: IndexTensor;
  /** [panels, places, 16] */
  out: Tensor;
}

/** Gives places [place0, place1) what their distinct tokens have. */
export const spreadRows: Kernel<SpreadOperands, Rows> = {
  name: 'spread_rows',
  arguments: ({ from, index, out }) => [
    ...[at(from), from.stride[0]!, out.shape[0]!, at(index), at(out), out.stride[0]!],
  ],
  call: plainNumbers,
  reference:
    ({ from, index, out }) =>
    (place0, place1) => {
      for (let place = place0; place < place1; place++) {
        for (let column = 0; column < columnsOf(out); column++) {
          setElement(out, place, column, element(from, index.get(place), column));
        }
      }
    },
  work: ({ out }) => ({
    kernel: 'spread rows',
    about: out,
    changes: [],
    of: (place0, place1) =>
      pointwise(out, place1 - place0, out.shape[0]! * PANEL, { visits: 2, flops: 0 }),
  }),
};

export interface TokenSumOperands {
  gradient: Tensor;
  /** [distinct + 1]: where the positions of each distinct token begin. */
  starts: IndexTensor;
  positions: IndexTensor;
  out: Tensor;
  /** Whether sums are added to what is there. */
  adds?: boolean;
}

/** Sums gradient rows over the positions of distinct tokens, of each in global order, for a range of panels. */
export const tokenSum: Kernel<
  TokenSumOperands,
  [distinct0: number, distinct1: number, panel0: number, panel1: number]
> = {
  name: 'token_sum',
  arguments: ({ gradient, starts, positions, out, adds = false }) => [
    ...[at(gradient), gradient.stride[0]!, at(starts), at(positions)],
    ...[at(out), out.stride[0]!, adds ? 1 : 0],
  ],
  call: plainNumbers,
  reference({ gradient, starts, positions, out, adds = false }) {
    const ops = loadOps();
    return (distinct0, distinct1, panel0, panel1) => {
      for (let panel = panel0; panel < panel1; panel++) {
        for (let d = distinct0; d < distinct1; d++) {
          const row = out.pick(panel, d, null);
          if (!adds) ops.assigns(row, 0);
          for (let i = starts.get(d); i < starts.get(d + 1); i++) {
            ops.addeq(row, gradient.pick(panel, positions.get(i), null));
          }
        }
      }
    };
  },
  work: ({ gradient, starts, out, adds }) => ({
    kernel: 'token sum',
    about: gradient,
    changes: adds ? [out] : [],
    of(distinct0, distinct1, panel0, panel1) {
      const columns = (panel1 - panel0) * PANEL;
      const tokens = starts.get(distinct1) - starts.get(distinct0);
      return {
        size: `${tokens} × ${columns}`,
        flops: tokens * columns,
        bytes: bytesOf(out, (tokens + distinct1 - distinct0) * columns),
      };
    },
  }),
};

export interface RowSquaresOperands {
  /** [panels, rows, 16] */
  matrix: Tensor;
  sums: DoubleTensor;
  /** What the rows are added to: [.., 16 · panels], row-major, and which row of it each belongs to. */
  addedTo?: { dense: Tensor; ids: IndexTensor };
}

/**
 * Sum of squares of each block of 16 rows of a panel matrix, in float64. Of rows that are added to others: how much more that makes
 * the squares of those; below zero where it makes them less.
 */
export const rowSquares: Kernel<
  RowSquaresOperands,
  [rows: number, block0: number, block1: number]
> = {
  name: 'row_squares',
  arguments: ({ matrix, sums, addedTo }) => [
    ...[at(matrix), matrix.stride[0]!, matrix.shape[0]!, at(sums)],
    ...[maybe(addedTo?.dense), addedTo?.dense.stride[0] ?? 0, maybe(addedTo?.ids)],
  ],
  call: plainNumbers,
  reference({ matrix, sums, addedTo }) {
    return (rows, block0, block1) => {
      for (let block = block0; block < block1; block++) {
        let sum = 0;
        for (let row = block * PANEL; row < Math.min(rows, (block + 1) * PANEL); row++) {
          for (let column = 0; column < columnsOf(matrix); column++) {
            const there = addedTo ? addedTo.dense.get(addedTo.ids.get(row), column) : 0;
            sum += (there + element(matrix, row, column)) ** 2 - there ** 2;
          }
        }
        sums.set(block, sum);
      }
    };
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
