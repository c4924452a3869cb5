import { PANEL, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel } from './kernel.js';
import { at, columnsOf, element, maybe, setElement } from './operands.js';
import { pointwise } from './work.js';

export interface SoftmaxOperands {
  /** [class panels, rows, 16]: logits in, probabilities or the gradient of the loss out */
  logits: Tensor;
  classes: number;
  targets?: IndexTensor;
  /** [rows]: −ln p(target) */
  losses: Tensor;
  /** [rows]: the most probable class, the first of equals */
  predicted: IndexTensor;
}

/** Operations on one element: 25 for exp, and maximum, difference, sum and scaling. */
const FLOPS = 29;

/** Softmax and cross-entropy in place over rows [row0, row1); scale 0 leaves probabilities. */
export const softmax: Kernel<SoftmaxOperands, [scale: number, row0: number, row1: number]> = {
  name: 'softmax',
  arguments: ({ logits, classes, targets, losses, predicted }) => [
    ...[at(logits), logits.stride[0]!, logits.shape[0]!, classes],
    ...[maybe(targets), at(losses), at(predicted)],
  ],
  call: plainNumbers,
  reference: (o) => (scale, row0, row1) => {
    for (let row = row0; row < row1; row++) {
      const logits = Array.from({ length: o.classes }, (_, c) => element(o.logits, row, c));
      const max = Math.max(...logits);
      const sum = logits.reduce((total, value) => total + Math.exp(value - max), 0);
      const target = o.targets?.get(row);
      o.predicted.set(row, Math.max(0, logits.indexOf(max)));
      if (target !== undefined) o.losses.set(row, max - logits[target]! + Math.log(sum));
      for (let c = 0; c < columnsOf(o.logits); c++) {
        const probability = c < o.classes ? Math.exp(logits[c]! - max) / sum : 0;
        const gradient = (probability - (c === target ? 1 : 0)) * scale;
        setElement(o.logits, row, c, scale === 0 ? probability : gradient);
      }
    }
  },
  work: ({ logits }) => ({
    kernel: 'softmax',
    about: logits,
    changes: [logits],
    of: (_scale, row0, row1) =>
      pointwise(logits, row1 - row0, logits.shape[0]! * PANEL, { visits: 2, flops: FLOPS }),
  }),
};
