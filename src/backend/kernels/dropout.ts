import { PANEL, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel, type Rows } from './kernel.js';
import { maskArguments, maskAt, type Mask } from './masks.js';
import { at, columnsOf, element, maybe, setElement } from './operands.js';
import { pointwise } from './work.js';

export interface DropoutOperands extends Mask {
  input: Tensor;
  out: Tensor;
  /** [rows]: number of each row in the batch, the same whoever computes it; its own index when absent */
  numbers?: IndexTensor;
}

/** Drops elements of rows [row0, row1) by counter-based random numbers; the same call gives the same mask. */
export const dropout: Kernel<DropoutOperands, Rows> = {
  name: 'dropout',
  arguments: (o) => [
    ...[at(o.input), o.input.stride[0]!, at(o.out), o.out.stride[0]!, o.out.shape[0]!],
    maybe(o.numbers),
    ...maskArguments(o),
  ],
  call: plainNumbers,
  reference(o) {
    return (row0, row1) => {
      for (let row = row0; row < row1; row++) {
        for (let column = 0; column < columnsOf(o.out); column++) {
          const factor = maskAt(o, o.numbers?.get(row) ?? row, column);
          setElement(o.out, row, column, factor && element(o.input, row, column) * factor);
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
