import { PANEL, type DoubleTensor, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel, type Units } from './kernel.js';
import { at, columnsOf, element, maybe } from './operands.js';
import { rowArguments, rowsOfUnit, type RowMap } from './rows.js';
import { seenRow, windowsArguments, WINDOWS_ARGUMENTS, type Windows } from './windows.js';
import { bytesOf } from './work.js';

export interface WeightGradientOperands {
  /** [panels, tokens, 16] */
  dOutput: Tensor;
  /** [column panels, tokens, 16] */
  input: Tensor;
  /** Row of the k-th token in `dOutput` and in `input`; the k-th row when absent. */
  orderOutput?: IndexTensor;
  orderInput?: IndexTensor;
  /** How many tokens from the k-th on lie one behind the other in both; needed with an order. */
  runs?: IndexTensor;
  /** Where `input` is not the right operand itself but what a convolution's taps see of it, from each place of `orderInput`. */
  windows?: Windows;
  /** [segments + 1]: first k of each shard; the number of shards is a power of two. */
  segments: IndexTensor;
  /** [rows, 16 · column panels], row-major; of windows as many columns for each tap */
  out: Tensor;
  /** Which panels of `dOutput` the rows of `out` belong to. */
  rows: RowMap;
  /** [rows]: sum of dOutput over the tokens, and how many bias vectors share it. */
  bias?: { out: Tensor; copies: number };
  /** [units]: sum of squares of each unit's rows, biases included. */
  squares: DoubleTensor;
  /** At least `GRADIENT_SCRATCH` floats of this thread's own. */
  scratch: Tensor;
}

/**
 * Floats of scratch that it needs: a block of 32 × 48 for each of at most 11 levels of the tree, and for the sum of a
 * segment so far; and 32 × 16 float64 sums of squares.
 */
export const GRADIENT_SCRATCH = 12 * 32 * 48 + 2 * 32 * 16;

const NO_WINDOWS: readonly number[] = new Array<number>(WINDOWS_ARGUMENTS).fill(0);

/** Gradient of the 16-row units [unit0, unit1) of a weight matrix, summed in the shards' fixed tree. */
export const weightGradient: Kernel<WeightGradientOperands, Units> = {
  name: 'weight_gradient',
  arguments: (o) => [
    ...[at(o.dOutput), o.dOutput.stride[0]!, maybe(o.orderOutput)],
    ...[at(o.segments), o.segments.shape[0]! - 1],
    ...rowArguments(o.out.shape[0]!, o.rows),
    ...[o.out.shape[1]!, at(o.out)],
    ...[maybe(o.bias?.out), o.bias?.copies ?? 0, at(o.squares)],
    ...[at(o.input), o.input.stride[0]!, maybe(o.orderInput), maybe(o.runs), at(o.scratch)],
    ...(o.windows ? windowsArguments(o.input, o.windows) : NO_WINDOWS),
  ],
  call: plainNumbers,
  reference(o) {
    const [rows, columns] = [o.out.shape[0]!, o.out.shape[1]!];
    return (unit0, unit1) => {
      const end = o.segments.get(o.segments.shape[0]! - 1);
      const inputs = inputsOf(o, end);
      for (let unit = unit0; unit < unit1; unit++) {
        let squares = 0;
        const own = rowsOfUnit(unit, rows, o.rows);
        own.rows.forEach((row, lane) => {
          const gradients = Float64Array.from({ length: end }, (_, k) =>
            o.dOutput.get(own.panel, o.orderOutput?.get(k) ?? k, lane),
          );
          for (let column = 0; column < columns; column++) {
            const seen = inputs(column);
            let sum = 0;
            for (let k = 0; k < end; k++) sum += gradients[k]! * seen[k]!;
            o.out.set(row, column, sum);
            squares += sum * sum;
          }
          if (!o.bias) return;
          let sum = 0;
          for (let k = 0; k < end; k++) sum += gradients[k]!;
          o.bias.out.set(row, sum);
          squares += o.bias.copies * sum * sum;
        });
        o.squares.set(unit, squares);
      }
    };
  },
  work: ({ out, dOutput, segments }) => ({
    kernel: 'weight gradient',
    about: out,
    changes: [],
    of(unit0, unit1) {
      const tokens = segments.get(segments.shape[0]! - 1);
      const rows = Math.min(out.shape[0]!, (unit1 - unit0) * PANEL);
      const columns = out.shape[1]!;
      return {
        size: `${rows} × ${tokens} × ${columns}`,
        flops: 2 * rows * tokens * columns,
        bytes: bytesOf(dOutput, tokens * (rows + columns) + rows * columns),
      };
    },
  }),
};

/** In the order of the sums what is multiplied for each column of the weight. */
function inputsOf(o: WeightGradientOperands, end: number): (column: number) => Float64Array {
  const { input, windows } = o;
  const columns = columnsOf(input);
  const places = Int32Array.from({ length: end }, (_, k) => o.orderInput?.get(k) ?? k);
  const of = (column: number): Float64Array => {
    const [tap, inner] = [Math.floor(column / columns), column % columns];
    return Float64Array.from(places, (place) => {
      const seen = windows ? seenRow(input, windows, tap, place) : { matrix: input, row: place };
      return seen ? element(seen.matrix, seen.row, inner) : 0;
    });
  };
  const found = new Map<number, Float64Array>();
  return (column) => {
    const values = found.get(column) ?? of(column);
    found.set(column, values);
    return values;
  };
}
