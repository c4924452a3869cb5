import { PANEL, type DoubleTensor, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel, type Units } from './kernel.js';
import { at, columnsOf, element, maybe } from './operands.js';
import { rightPlace, roundToBfloat16, sumOfPairs, writeHalf } from './pairs.js';
import { rowArguments, rowsOfUnit, type RowMap } from './rows.js';
import { seenRow, windowsArguments, WINDOWS_ARGUMENTS, type Windows } from './windows.js';
import { pointwise } from './work.js';

/** Tokens of a group, of which k and k + 16 are a pair. */
const GROUP = 2 * PANEL;

/** Most tokens that those of a batch take up, when each of its shards is filled up to whole groups. */
export function pairedTokens(tokens: number, segments: number): number {
  return GROUP * (Math.floor(tokens / GROUP) + segments);
}

/** Floats of scratch that `weightGradientBfloat16` needs. */
export function pairedGradientScratch(tokens: number, segments: number): number {
  // BLOCK_ROWS, BLOCK_PANELS and MAX_LEVELS of the kernel.
  const [rows, panels, levels] = [128, 2, 12];
  const sums = levels * panels * rows * PANEL;
  return 2 * rows * PANEL + sums + (pairedTokens(tokens, segments) / 2) * rows;
}

export interface PairTokensOperands {
  /** [panels, tokens, 16] */
  input: Tensor;
  /** Row of the k-th token in it; the k-th row when absent. */
  orderInput?: IndexTensor;
  /** Where `input` is not the right operand itself but what a convolution's taps see of it, from each place of `orderInput`. */
  windows?: Windows;
  /** [segments + 1]: first k of each shard */
  segments: IndexTensor;
  /** [taps · panels, 16 for each group of 32 tokens, 16]: as `HeapPlan.pairedPanels` plans it for `pairedTokens` */
  out: IndexTensor;
}

/** Rounds what weight gradients multiply, for panels [panel0, panel1) of `out`: each shard's tokens in groups of 32, zeros behind its last one. */
export const pairTokens: Kernel<PairTokensOperands, Units> = {
  name: 'pair_tokens',
  arguments: ({ input, orderInput, windows, segments, out }) => [
    ...(windows ? windowsArguments(input, windows) : unseen(input)),
    ...[maybe(orderInput), at(segments), segments.shape[0]! - 1],
    ...[at(out), out.stride[0]!],
  ],
  call: plainNumbers,
  reference:
    ({ input, orderInput, windows, segments, out }) =>
    (panel0, panel1) => {
      const columns = columnsOf(input);
      for (const [k, line] of linesOf(segments).entries()) {
        for (let column = panel0 * PANEL; column < panel1 * PANEL; column++) {
          const [place, inner] = [orderInput?.get(k) ?? k, column % columns];
          const seen = windows
            ? seenRow(input, windows, Math.floor(column / columns), place)
            : { matrix: input, row: place };
          const value = seen ? element(seen.matrix, seen.row, inner) : 0;
          writeHalf(out, rightPlace(out, line, column), value);
        }
      }
      fillUp(segments, (line) => {
        for (let column = panel0 * PANEL; column < panel1 * PANEL; column++)
          writeHalf(out, rightPlace(out, line, column), 0);
      });
    },
  work: ({ input, segments }) => ({
    kernel: 'pair_tokens',
    about: input,
    changes: [],
    of(panel0, panel1) {
      const tokens = segments.get(segments.shape[0]! - 1);
      return pointwise(input, tokens, (panel1 - panel0) * PANEL, { visits: 1.5, flops: 0 });
    },
  }),
};

/** No windows, but what they are of. */
function unseen(input: Tensor): number[] {
  const own = [at(input), input.stride[0]!, input.shape[0]!];
  return [...own, ...new Array<number>(WINDOWS_ARGUMENTS - own.length).fill(0)];
}

/** Which element of k the k-th token is, in the order of its groups. */
function linesOf(segments: IndexTensor): number[] {
  const lines: number[] = [];
  forEachSegment(segments, (tokens, first) => {
    for (let k = 0; k < tokens; k++) lines.push(first + k);
  });
  return lines;
}

/** Those that fill up the shards' last groups. */
function fillUp(segments: IndexTensor, fill: (line: number) => void): void {
  forEachSegment(segments, (tokens, first) => {
    for (let k = tokens; k < GROUP * Math.ceil(tokens / GROUP); k++) fill(first + k);
  });
}

function forEachSegment(
  segments: IndexTensor,
  visit: (tokens: number, first: number, segment: number) => void,
): void {
  let first = 0;
  for (let s = 0; s + 1 < segments.shape[0]!; s++) {
    const tokens = segments.get(s + 1) - segments.get(s);
    visit(tokens, first, s);
    first += GROUP * Math.ceil(tokens / GROUP);
  }
}

export interface WeightGradientBfloat16Operands {
  /** [panels, tokens, 16] */
  dOutput: Tensor;
  /** Row of the k-th token in it; the k-th row when absent. */
  orderOutput?: IndexTensor;
  /** What `pairTokens` has made of the input: [column panels, lines, 16] */
  input: IndexTensor;
  /** [segments + 1]: first k of each shard; the number of shards is a power of two. */
  segments: IndexTensor;
  /** [rows, 16 · column panels], row-major */
  out: Tensor;
  /** Which panels of `dOutput` the rows of `out` belong to. */
  rows: RowMap;
  /** [rows]: sum of dOutput over the tokens, and how many bias vectors share it. */
  bias?: { out: Tensor; copies: number };
  /** [units]: sum of squares of each unit's rows, biases included. */
  squares: DoubleTensor;
  /** At least `pairedGradientScratch` floats of this thread's own. */
  scratch: Tensor;
}

/**
 * Gradient of the 16-row units [unit0, unit1) of a weight matrix: each shard's sum is one of products of bfloat16, from zero; the shards' sums,
 * those of biases and of squares are of float32 and go through the same tree as those of `weightGradient`.
 */
export const weightGradientBfloat16: Kernel<WeightGradientBfloat16Operands, Units> = {
  name: 'weight_gradient_bfloat16',
  arguments: (o) => [
    ...[at(o.dOutput), o.dOutput.stride[0]!, maybe(o.orderOutput)],
    ...[at(o.segments), o.segments.shape[0]! - 1],
    ...rowArguments(o.out.shape[0]!, o.rows),
    ...[o.out.shape[1]!, at(o.out)],
    ...[maybe(o.bias?.out), o.bias?.copies ?? 0, at(o.squares)],
    ...[at(o.input), o.input.stride[0]!, at(o.scratch)],
  ],
  call: plainNumbers,
  reference(o) {
    const [rows, columns] = [o.out.shape[0]!, o.out.shape[1]!];
    return (unit0, unit1) => {
      for (let unit = unit0; unit < unit1; unit++) {
        const own = rowsOfUnit(unit, rows, o.rows);
        let squares = 0;
        own.rows.forEach((row, lane) => {
          const gradient = (k: number): number =>
            o.dOutput.get(own.panel, o.orderOutput?.get(k) ?? k, lane);
          for (let column = 0; column < columns; column++) {
            const sum = inTree(o.segments, (tokens, k0, first) =>
              segmentSum(gradient, o.input, column, { tokens, k0, first }),
            );
            o.out.set(row, column, sum);
            squares += sum * sum;
          }
          if (!o.bias) return;
          const sum = inTree(o.segments, (tokens, k0) => {
            let bias = 0;
            for (let k = k0; k < k0 + tokens; k++) bias += gradient(k);
            return bias;
          });
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
        precision: 'bfloat16',
        flops: 2 * rows * tokens * columns,
        bytes: dOutput.data.BYTES_PER_ELEMENT * rows * (tokens + columns) + 2 * tokens * columns,
      };
    },
  }),
};

/** A shard's part of an element's sum. */
function segmentSum(
  gradient: (k: number) => number,
  input: IndexTensor,
  column: number,
  { tokens, k0, first }: { tokens: number; k0: number; first: number },
): number {
  const lines = PANEL * Math.ceil(tokens / GROUP);
  const own = input.lo(0, first / 2, 0).hi(input.shape[0]!, lines, PANEL);
  return sumOfPairs((k) => (k < tokens ? roundToBfloat16(gradient(k0 + k)) : 0), own, column);
}

/** Combines the shards' sums in one balanced tree, in float32. */
function inTree(
  segments: IndexTensor,
  sumOf: (tokens: number, k0: number, first: number) => number,
): number {
  let sums: number[] = [];
  forEachSegment(segments, (tokens, first, s) => {
    sums.push(Math.fround(sumOf(tokens, segments.get(s), first)));
  });
  while (sums.length > 1)
    sums = sums.flatMap((sum, i) => (i % 2 === 0 ? [Math.fround(sum + sums[i + 1]!)] : []));
  return sums[0]!;
}
