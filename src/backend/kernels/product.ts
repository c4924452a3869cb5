import { PANEL, type Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel, type Rows } from './kernel.js';
import { at, columnsOf, dot, element, setElement } from './operands.js';
import { bytesOf } from './work.js';

/** What every sum starts from: zero, a bias, or what stands where the result will. */
export type ProductStart = 'zero' | 'result' | { bias: Tensor };

export interface ProductOperands {
  /** [k panels, rows, 16] */
  a: Tensor;
  /** [n panels, k, 16] with k padded to whole panels */
  b: Tensor;
  /** [n panels, rows, 16] */
  c: Tensor;
  /** A bias: [n panels · 16] */
  start: ProductStart;
}

/** The operands that the compiled kernels read: the bias, or 0, and a number of kernels/panel.h. */
export function startArguments(start: ProductStart): [bias: number, kind: number] {
  if (typeof start === 'object') return [at(start.bias), 1];
  return [0, start === 'zero' ? 0 : 2];
}

/** The same in the reference: what the sum of an element starts from. */
export function startOf(start: ProductStart, result: Tensor, row: number, column: number): number {
  if (typeof start === 'object') return start.bias.get(column);
  return start === 'zero' ? 0 : element(result, row, column);
}

/** C[rows, n] = start + A[rows, k] · B[k, n] for rows [row0, row1). */
export const product: Kernel<ProductOperands, Rows> = {
  name: 'product',
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
          setElement(c, row, n, dot(startOf(start, c, row, n), a, row, b, n));
        }
      }
    },
  work: ({ a, b, c, start }) => ({
    kernel: 'product',
    about: b,
    changes: start === 'result' ? [c] : [],
    of(row0, row1) {
      const rows = row1 - row0;
      const [k, n] = [a.shape[0]! * PANEL, c.shape[0]! * PANEL];
      const results = (start === 'result' ? 2 : 1) * rows * n;
      return {
        size: `${rows} × ${k} × ${n}`,
        flops: 2 * rows * k * n,
        bytes: bytesOf(a, rows * k + k * n + results),
      };
    },
  }),
};
