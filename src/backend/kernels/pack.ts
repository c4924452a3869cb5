import { PANEL, type Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel, type Units } from './kernel.js';
import { at, maybe, setElement } from './operands.js';
import { panelDigits, rowArguments, rowsOfUnit, type RowMap } from './rows.js';
import { pointwise } from './work.js';

export interface PackOperands {
  /** [rows, columns] */
  weight: Tensor;
  rows: RowMap;
  /** [panels, inputs, 16]: Wᵀ for x Wᵀ; panels that the map leaves out stay as they are */
  forward: Tensor;
  /** [input panels, 16 · panels, 16]: W for dy W */
  backward?: Tensor;
}

/** Packs units [unit0, unit1) of a weight matrix for the products forwards (x Wᵀ) and backwards (dy W). */
export const pack: Kernel<PackOperands, Units> = {
  name: 'pack',
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
          for (let column = 0; column < weight.shape[1]!; column++) {
            const value = weight.get(row, column);
            setElement(forward, column, own.panel * PANEL + lane, value);
            if (backward) setElement(backward, own.panel * PANEL + lane, column, value);
          }
        });
      }
    },
  work: ({ weight, backward }) => ({
    kernel: 'pack',
    about: weight,
    changes: [],
    of(unit0, unit1) {
      const rows = Math.min(weight.shape[0]!, (unit1 - unit0) * PANEL);
      return pointwise(weight, rows, weight.shape[1]!, { visits: backward ? 3 : 2, flops: 0 });
    },
  }),
};

export interface PackBiasOperands {
  /** [rows] */
  first: Tensor;
  rows: RowMap;
  /** Another bias of as many rows, whose panels may be others: where they are the same, both are added. */
  second?: { bias: Tensor; rows: RowMap };
  /** [16 · panels] */
  out: Tensor;
}

/** Puts a bias, or two, into panel order. */
export const packBias: Kernel<PackBiasOperands, Units> = {
  name: 'pack_bias',
  arguments: ({ first, rows, second, out }) => [
    ...[at(first), ...rowArguments(first.shape[0]!, rows)],
    ...[maybe(second?.bias), second ? panelDigits(second.rows) : 0, at(out)],
  ],
  call: plainNumbers,
  reference:
    ({ first, rows, second, out }) =>
    (unit0, unit1) => {
      for (let unit = unit0; unit < unit1; unit++) {
        const own = rowsOfUnit(unit, first.shape[0]!, rows);
        const other = second && rowsOfUnit(unit, first.shape[0]!, second.rows);
        own.rows.forEach((row, lane) => {
          const sum = other?.panel === own.panel ? second!.bias.get(row) : 0;
          out.set(own.panel * PANEL + lane, first.get(row) + sum);
          if (other && other.panel !== own.panel) {
            out.set(other.panel * PANEL + lane, second.bias.get(row));
          }
        });
      }
    },
};
