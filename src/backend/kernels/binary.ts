import { PANEL, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import { hasLabel, wordsOf, withLabel } from '../../tensor/label-sets.js';
import { plainNumbers, type Kernel } from './kernel.js';
import { at, columnsOf, element, maybe, setElement, sigmoid } from './operands.js';
import { pointwise } from './work.js';

export interface BinaryOperands {
  /** [label panels, rows, 16]: logits in, probabilities or the gradient of the loss out */
  logits: Tensor;
  labels: number;
  /** [rows, words]: sets of labels, a bit each */
  targets?: IndexTensor;
  /** [rows]: mean over the labels of −ln p(what is true of it), those of a label that is there by its weight */
  losses: Tensor;
  /** [rows, words]: labels of a probability of 0.5 or more, as float32 has it */
  predicted: IndexTensor;
  /** [label panels · 16]: how much a label counts where it is there, and zeros behind them; all are 1 where absent */
  weights?: Tensor;
}

/** Operations on one element: 25 for exp and 28 for sigmoid, 19 for ln(1 + x), and 8 for loss and gradient. */
const FLOPS = 80;

/** Sigmoid and binary cross-entropy in place over rows [row0, row1); scale 0 leaves probabilities. */
export const binary: Kernel<BinaryOperands, [scale: number, row0: number, row1: number]> = {
  name: 'binary',
  arguments: ({ logits, labels, targets, losses, predicted, weights }) => [
    ...[at(logits), logits.stride[0]!, logits.shape[0]!, labels],
    ...[maybe(targets), at(losses), at(predicted), maybe(weights)],
  ],
  call: plainNumbers,
  reference: (o) => (scale, row0, row1) => {
    const words = wordsOf(o.labels);
    for (let row = row0; row < row1; row++) {
      let sum = 0;
      for (let word = 0; word < words; word++) o.predicted.set(row, word, 0);
      for (let c = 0; c < columnsOf(o.logits); c++) {
        if (c >= o.labels) {
          setElement(o.logits, row, c, 0);
          continue;
        }
        const z = element(o.logits, row, c);
        const probability = sigmoid(z);
        const word = Math.floor(c / 32);
        if (Math.fround(probability) >= 0.5) {
          o.predicted.set(row, word, withLabel(o.predicted.get(row, word), c));
        }
        const isThere = o.targets !== undefined && hasLabel(o.targets.get(row, word), c);
        const weight = isThere ? (o.weights?.get(c) ?? 1) : 1;
        const gap = Math.max(-z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
        sum += (isThere ? 0 * z : z) + weight * gap;
        const gradient = weight * (probability - Number(isThere)) * (scale / o.labels);
        setElement(o.logits, row, c, scale === 0 ? probability : gradient);
      }
      if (o.targets) o.losses.set(row, sum / o.labels);
    }
  },
  work: ({ logits }) => ({
    kernel: 'binary',
    about: logits,
    changes: [logits],
    of: (_scale, row0, row1) =>
      pointwise(logits, row1 - row0, logits.shape[0]! * PANEL, { visits: 2, flops: FLOPS }),
  }),
};
