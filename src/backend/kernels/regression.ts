import type { IndexTensor, Tensor } from '../../tensor/heap.js';
import { bitsOfFloat, floatOfBits } from '../../tensor/float-bits.js';
import { plainNumbers, type Kernel } from './kernel.js';
import { at, element, maybe, setElement } from './operands.js';
import { pointwise } from './work.js';

export interface RegressionOperands {
  /** [1, rows, 16]: the network's number in the first column; the gradient of the loss or the number predicted out */
  outputs: Tensor;
  /** [rows]: float32 bits, in their own unit */
  targets?: IndexTensor;
  /** [rows]: of the standardised errors */
  losses: Tensor;
  /** [rows]: float32 bits, in the targets' unit */
  predicted: IndexTensor;
  /** What targets are standardised by. */
  mean: number;
  deviation: number;
  /** Whether an error counts by its size, else by its square. */
  absolute: boolean;
}

/** Squared or absolute errors of numbers, in place over rows [row0, row1); scale 0 leaves predictions. */
export const regression: Kernel<RegressionOperands, [scale: number, row0: number, row1: number]> = {
  name: 'regression',
  arguments: ({ outputs, targets, losses, predicted, mean, deviation, absolute }) => [
    ...[at(outputs), maybe(targets), at(losses), at(predicted)],
    ...[mean, deviation, Number(absolute)],
  ],
  call: plainNumbers,
  reference: (o) => (scale, row0, row1) => {
    for (let row = row0; row < row1; row++) {
      const output = element(o.outputs, row, 0);
      const number = o.mean + o.deviation * output;
      o.predicted.set(row, bitsOfFloat(number));
      let gradient = 0;
      if (o.targets) {
        const error = output - (floatOfBits(o.targets.get(row)) - o.mean) / o.deviation;
        o.losses.set(row, o.absolute ? Math.abs(error) : error * error);
        gradient = scale * (o.absolute ? Math.sign(error) : 2 * error);
      }
      setElement(o.outputs, row, 0, scale === 0 ? number : gradient);
    }
  },
  work: ({ outputs }) => ({
    kernel: 'regression',
    about: outputs,
    changes: [outputs],
    of: (_scale, row0, row1) => pointwise(outputs, row1 - row0, 1, { visits: 2, flops: 8 }),
  }),
};
