import { PANEL, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel, type Rows } from './kernel.js';
import { at, columnsOf, setElement } from './operands.js';
import { leftPlace, readHalf, sumOfPairs } from './pairs.js';
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
          const sum = sumOfPairs((k) => readHalf(a, leftPlace(a, row, k)), b, n);
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
        size: `${rows} × ${k} × ${n}`,
        precision: 'bfloat16',
        flops: 2 * rows * k * n,
        bytes: 2 * (rows * k + k * n) + 4 * results,
      };
    },
  }),
};
