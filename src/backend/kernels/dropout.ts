import { PANEL, type DoubleTensor, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import { philox } from '../../tensor/random.js';
import { plainNumbers, type Kernel, type Rows } from './kernel.js';
import { at, columnsOf, element, maybe, setElement } from './operands.js';
import { pointwise } from './work.js';

export interface DropoutOperands {
  input: Tensor;
  out: Tensor;
  /** [rows]: number of each row in the batch, the same whoever computes it; its own index when absent */
  numbers?: IndexTensor;
  /** Share of elements dropped, in steps of 1/65536. */
  rate: number;
  seed: number;
  /** Tells layers apart. */
  stream: number;
  /** [1]: the step under way */
  step: DoubleTensor;
}

/** Second word of the key of dropout's random numbers, as in kernels/dropout.c. */
const KEY = 0x10c57e9;

/** 16-bit threshold below which an element is dropped. */
const thresholdOf = (rate: number): number => Math.round(rate * 65_536);

/** Drops elements of rows [row0, row1) by counter-based random numbers; the same call gives the same mask. */
export const dropout: Kernel<DropoutOperands, Rows> = {
  name: 'dropout',
  arguments: (o) => [
    ...[at(o.input), o.input.stride[0]!, at(o.out), o.out.stride[0]!, o.out.shape[0]!],
    ...[maybe(o.numbers), thresholdOf(o.rate), 1 / (1 - o.rate), o.seed, o.stream, at(o.step)],
  ],
  call: plainNumbers,
  reference(o) {
    const threshold = thresholdOf(o.rate);
    return (row0, row1) => {
      for (let row = row0; row < row1; row++) {
        for (let column = 0; column < columnsOf(o.out); column++) {
          const group = Math.floor(column / 8);
          const words = philox(
            [o.numbers?.get(row) ?? row, group, o.step.get(0), o.stream],
            [o.seed, KEY],
          );
          const bits = (words[(column % 8) >> 1]! >>> ((column % 2) * 16)) & 0xffff;
          const kept = element(o.input, row, column) / (1 - o.rate);
          setElement(o.out, row, column, bits < threshold ? 0 : kept);
        }
      }
    };
  },
  work: ({ input, out }) => ({
    kernel: 'dropout',
    about: out,
    changes: input.offset === out.offset ? [out] : [],
    of: (row0, row1) => pointwise(out, row1 - row0, out.shape[0]! * PANEL, { visits: 2, flops: 1 }),
  }),
};
