import { PANEL, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel, type Rows } from './kernel.js';
import { at, columnsOf, element, setElement } from './operands.js';
import { roundToBfloat16, sumOfPairs } from './pairs.js';
import { startArguments, startOf, type ProductStart } from './product.js';
import { seenRow, windowsArguments, type Windows } from './windows.js';

export interface ConvolveBfloat16Operands {
  /** [panels, places, 16] */
  input: Tensor;
  windows: Windows;
  /**
   * What is seen is multiplied with, as `packPairs` packs it: [out panels, 16 · pairs of taps · panels, 16], all inputs of a tap behind those of
   * the one before, or tap by tap [taps, out panels, 16 · pairs of panels, 16]
   */
  weight: IndexTensor;
  /** [out panels, places, 16] */
  out: Tensor;
  /** A bias: [16 · out panels] */
  start: ProductStart;
  /** At least `convolutionScratch` floats of this thread's own. */
  scratch: Tensor;
}

/**
 * Floats of scratch that `convolveBfloat16` needs.
 *
 * @param panels that are multiplied at once: of all taps, or tap by tap of one
 */
export function convolutionScratch(panels: number): number {
  // SEEN_ROWS of the kernel.
  const rows = 64;
  return Math.ceil(panels / 2) * rows * PANEL;
}

/**
 * Sums over taps, and over the inputs of each, for places [place0, place1), the inputs rounded to bfloat16: out = start + Σ seen(tap) · weight(tap).
 * All taps' inputs are one product; tap by tap the product of each is added to what there is.
 */
export const convolveBfloat16: Kernel<ConvolveBfloat16Operands, Rows> = {
  name: 'convolve_bfloat16',
  arguments({ input, windows, weight, out, start, scratch }) {
    const byTap = weight.shape.length === 4;
    return [
      ...windowsArguments(input, windows),
      ...[at(weight), weight.stride[byTap ? 1 : 0]!, byTap ? weight.stride[0]! : 0],
      ...[at(out), out.stride[0]!, out.shape[0]!, ...startArguments(start), at(scratch)],
    ];
  },
  call: plainNumbers,
  reference({ input, windows, weight, out, start }) {
    const byTap = weight.shape.length === 4;
    const taps = windows.sources.shape[0]!;
    const columns = columnsOf(input);
    const products = byTap
      ? Array.from({ length: taps }, (_, tap) => ({
          weight: weight.pick(tap),
          first: tap,
          taps: 1,
        }))
      : [{ weight, first: 0, taps }];
    return (place0, place1) => {
      for (let place = place0; place < place1; place++) {
        for (let n = 0; n < columnsOf(out); n++) {
          let sum: number | undefined;
          for (const each of products) {
            const left = (k: number): number => {
              const tap = Math.floor(k / columns);
              if (tap >= each.taps) return 0;
              const seen = seenRow(input, windows, each.first + tap, place);
              return seen ? roundToBfloat16(element(seen.matrix, seen.row, k % columns)) : 0;
            };
            const own = sumOfPairs(left, each.weight, n);
            // As elements of the result are rounded between products.
            sum = sum === undefined ? own + startOf(start, out, place, n) : Math.fround(sum) + own;
          }
          setElement(out, place, n, sum!);
        }
      }
    };
  },
  work: ({ input, windows, weight, out, start }) => ({
    kernel: 'convolution',
    about: weight,
    changes: start === 'result' ? [out] : [],
    of(place0, place1) {
      const rows = place1 - place0;
      const [inputs, n] = [columnsOf(input), columnsOf(out)];
      const k = windows.sources.shape[0]! * inputs;
      const results = (start === 'result' ? 2 : 1) * rows * n;
      return {
        size: `${rows} × ${k} × ${n}`,
        precision: 'bfloat16',
        flops: 2 * rows * k * n,
        bytes: 2 * k * n + 4 * (rows * inputs + results),
      };
    },
  }),
};
