import { PANEL, type Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel, type Rows } from './kernel.js';
import { at, columnsOf, dot, element, maybe, setElement } from './operands.js';
import { bytesOf } from './work.js';

export interface ProductOperands {
  /** [k panels, rows, 16] */
  a: Tensor;
  /** [n panels, k, 16] with k padded to whole panels */
  b: Tensor;
  /** [n panels, rows, 16] */
  c: Tensor;
  /** What every sum starts from: zero, a bias [n panels · 16], or what c held before. */
  start: 'zero' | 'result' | { bias: Tensor };
}

const START = { zero: 0, bias: 1, result: 2 } as const;

/** C[rows, n] = start + A[rows, k] · B[k, n] for rows [row0, row1). */
export const product: Kernel<ProductOperands, Rows> = {
  name: 'product',
  arguments({ a, b, c, start }) {
    const bias = typeof start === 'object' ? start.bias : undefined;
    const kind = typeof start === 'object' ? 'bias' : start;
    return [
      ...[at(a), a.stride[0]!, at(b), b.stride[0]!, at(c), c.stride[0]!],
      ...[maybe(bias), a.shape[0]!, c.shape[0]!, START[kind]],
    ];
  },
  call: plainNumbers,
  reference:
    ({ a, b, c, start }) =>
    (row0, row1) => {
      for (let row = row0; row < row1; row++) {
        for (let n = 0; n < columnsOf(c); n++) {
          let sum = 0;
          if (start === 'result') sum = element(c, row, n);
          else if (start !== 'zero') sum = start.bias.get(n);
          setElement(c, row, n, dot(sum, a, row, b, n));
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
