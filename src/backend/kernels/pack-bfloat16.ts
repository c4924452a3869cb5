import { PANEL, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel, type Rows, type Units } from './kernel.js';
import { at, element, maybe } from './operands.js';
import { leftPlace, rightPlace, writeHalf } from './pairs.js';
import { rowArguments, rowsOfUnit, type RowMap } from './rows.js';
import { pointwise } from './work.js';

export interface RoundPairsOperands {
  /** [panels, rows, 16] */
  input: Tensor;
  /** [pairs of panels, rows, 16]; beside a last panel that is alone come zeros */
  out: IndexTensor;
}

/** Rounds rows [row0, row1) of a panel matrix to bfloat16: a left operand of products. */
export const roundPairs: Kernel<RoundPairsOperands, Rows> = {
  name: 'round_pairs',
  arguments: ({ input, out }) => [
    ...[at(input), input.stride[0]!, input.shape[0]!],
    ...[at(out), out.stride[0]!],
  ],
  call: plainNumbers,
  reference:
    ({ input, out }) =>
    (row0, row1) => {
      const columns = input.shape[0]! * PANEL;
      for (let row = row0; row < row1; row++) {
        for (let k = 0; k < 2 * out.shape[0]! * PANEL; k++) {
          writeHalf(out, leftPlace(out, row, k), k < columns ? element(input, row, k) : 0);
        }
      }
    },
  work: ({ input }) => ({
    kernel: 'round_pairs',
    about: input,
    changes: [],
    of: (row0, row1) =>
      pointwise(input, row1 - row0, input.shape[0]! * PANEL, { visits: 1.5, flops: 0 }),
  }),
};

export interface PackPairsOperands {
  /** [rows, columns] */
  weight: Tensor;
  rows: RowMap;
  /** [panels, 16 · pairs of panels of columns, 16]: Wᵀ for x Wᵀ; what the map leaves out stays as it is */
  forward: IndexTensor;
  /** [panels of columns, 16 · pairs of panels, 16]: W for dy W */
  backward?: IndexTensor;
}

/** Rounds units [unit0, unit1) of a weight matrix to bfloat16, for the products forwards (x Wᵀ) and backwards (dy W). */
export const packPairs: Kernel<PackPairsOperands, Units> = {
  name: 'pack_pairs',
  arguments: ({ weight, rows, forward, backward }) => [
    ...[at(weight), weight.shape[1]!, ...rowArguments(weight.shape[0]!, rows)],
    ...[at(forward), forward.stride[0]!, maybe(backward), backward?.stride[0] ?? 0],
  ],
  call: plainNumbers,
  reference:
    ({ weight, rows, forward, backward }) =>
    (unit0, unit1) => {
      for (let unit = unit0; unit < unit1; unit++) {
        const own = rowsOfUnit(unit, weight.shape[0]!, rows);
        own.rows.forEach((row, lane) => {
          const packed = own.panel * PANEL + lane;
          for (let column = 0; column < weight.shape[1]!; column++) {
            const value = weight.get(row, column);
            writeHalf(forward, rightPlace(forward, column, packed), value);
            if (backward) writeHalf(backward, rightPlace(backward, packed, column), value);
          }
        });
      }
    },
  work: ({ weight, backward }) => ({
    kernel: 'pack_pairs',
    about: weight,
    changes: [],
    of(unit0, unit1) {
      const rows = Math.min(weight.shape[0]!, (unit1 - unit0) * PANEL);
      return pointwise(weight, rows, weight.shape[1]!, { visits: backward ? 2 : 1.5, flops: 0 });
    },
  }),
};
