import { PANEL, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel, type Rows } from './kernel.js';
import { at, columnsOf, setElement } from './operands.js';
import { leftPlace, readHalf, rightPlace } from './pairs.js';
import { startArguments, startOf, type ProductStart } from './product.js';

export interface ProductBfloat16Operands {
  /** [pairs of k panels, rows, 16]: a left operand in bfloat16 */
  a: IndexTensor;
  /** [n panels, 16 · pairs of k panels, 16]: a right operand in bfloat16 */
  b: IndexTensor;
  /** [n panels, rows, 16] */
  c: Tensor;
  /** A bias: [n panels · 16] */
  start: ProductStart;
}

/**
 * C[rows, n] = A[rows, k] · B[k, n] + start for rows [row0, row1). The products are exact; each pair of panels of k is summed in float32 by a
 * chain over the first panel and one over the second, both from zero, and their sum is added to those of the pairs before.
 */
export const productBfloat16: Kernel<ProductBfloat16Operands, Rows> = {
  name: 'product_bfloat16',
  arguments({ a, b, c, start }) {
    const [bias, kind] = startArguments(start);
    return [
      ...[at(a), a.stride[0]!, at(b), b.stride[0]!, at(c), c.stride[0]!],
      ...[bias, a.shape[0]!, c.shape[0]!, kind],
    ];
  },
  call: plainNumbers,
  reference:
    ({ a, b, c, start }) =>
    (row0, row1) => {
      for (let row = row0; row < row1; row++) {
        for (let n = 0; n < columnsOf(c); n++) {
          const sum = sumOfPairs(a, row, b, n);
          setElement(c, row, n, start === 'zero' ? sum : startOf(start, c, row, n) + sum);
        }
      }
    },
  work: ({ a, c, start }) => ({
    kernel: 'product',
    about: c,
    changes: start === 'result' ? [c] : [],
    of(row0, row1) {
      const rows = row1 - row0;
      const [k, n] = [2 * a.shape[0]! * PANEL, c.shape[0]! * PANEL];
      const results = (start === 'result' ? 2 : 1) * rows * n;
      return {
        size: `${rows} × ${k} × ${n} in bfloat16`,
        flops: 2 * rows * k * n,
        bytes: 2 * (rows * k + k * n) + 4 * results,
      };
    },
  }),
};

/** An element's sum, without what it starts from. */
function sumOfPairs(a: IndexTensor, row: number, b: IndexTensor, column: number): number {
  let sum = 0;
  for (let pair = 0; pair < a.shape[0]!; pair++) {
    const [first, second] = [2 * pair, 2 * pair + 1].map((panel) =>
      chain(a, row, b, column, panel),
    );
    sum = Math.fround(sum + Math.fround(first! + second!));
  }
  return sum;
}

/** Rounding a float64 sum of an exact product and a float32 to float32 gives what a fused multiply-add gives: 53 ≥ 2 · 24 + 2 bits. */
function chain(a: IndexTensor, row: number, b: IndexTensor, column: number, panel: number): number {
  let sum = 0;
  for (let k = panel * PANEL; k < (panel + 1) * PANEL; k++) {
    const [left, right] = [
      readHalf(a, leftPlace(a, row, k)),
      readHalf(b, rightPlace(b, k, column)),
    ];
    sum = Math.fround(sum + left * right);
  }
  return sum;
}
