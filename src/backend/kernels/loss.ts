import { PANEL, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel } from './kernel.js';
import { at, columnsOf, element, maybe, setElement } from './operands.js';
import { pointwise } from './work.js';

export interface SoftmaxOperands {
  /** [class panels, rows, 16]: logits in, probabilities or the gradient of the loss out */
  logits: Tensor;
  classes: number;
  targets?: IndexTensor;
  /** [rows]: −ln p(target), or what `weighting` makes of it */
  losses: Tensor;
  /** [rows]: the most probable class, the first of equals */
  predicted: IndexTensor;
  weighting?: SoftmaxWeighting;
}

/**
 * The loss of a row whose target is y: (1 − smoothing) w(y) (−ln p(y)) + smoothing / classes · Σ w(c) (−ln p(c)).
 */
export interface SoftmaxWeighting {
  /** [class panels · 16]: of the classes, and zeros behind them */
  weights: Tensor;
  weightSum: number;
  smoothing: number;
  /** [rows]: −ln p(target) */
  crossEntropies: Tensor;
}

/** Operations on one element: 25 for exp, and maximum, difference, sum and scaling. */
const FLOPS = 29;

/** Softmax and cross-entropy in place over rows [row0, row1); scale 0 leaves probabilities. */
export const softmax: Kernel<SoftmaxOperands, [scale: number, row0: number, row1: number]> = {
  name: 'softmax',
  arguments: ({ logits, classes, targets, losses, predicted, weighting }) => [
    ...[at(logits), logits.stride[0]!, logits.shape[0]!, classes],
    ...[maybe(targets), at(losses), at(predicted)],
    ...[maybe(weighting?.weights), weighting?.weightSum ?? 0, weighting?.smoothing ?? 0],
    maybe(weighting?.crossEntropies),
  ],
  call: plainNumbers,
  reference: (o) => (scale, row0, row1) => {
    const { weights, weightSum = o.classes, smoothing = 0, crossEntropies } = o.weighting ?? {};
    const soft = smoothing / o.classes;
    const weight = (c: number): number => weights?.get(c) ?? 1;
    for (let row = row0; row < row1; row++) {
      const logits = Array.from({ length: o.classes }, (_, c) => element(o.logits, row, c));
      const max = Math.max(...logits);
      const sum = logits.reduce((total, value) => total + Math.exp(value - max), 0);
      const surprise = (c: number): number => max - logits[c]! + Math.log(sum);
      const target = o.targets?.get(row);
      o.predicted.set(row, Math.max(0, logits.indexOf(max)));
      const hard = target === undefined ? 1 : (1 - smoothing) * weight(target);
      if (target !== undefined) {
        const spread = logits.reduce((total, _, c) => total + weight(c) * surprise(c), 0);
        o.losses.set(row, hard * surprise(target) + (soft > 0 ? soft * spread : 0));
        crossEntropies?.set(row, surprise(target));
      }
      for (let c = 0; c < columnsOf(o.logits); c++) {
        const probability = c < o.classes ? Math.exp(logits[c]! - max) / sum : 0;
        const wanted = c < o.classes ? (c === target ? hard : 0) + soft * weight(c) : 0;
        const gradient = ((hard + soft * weightSum) * probability - wanted) * scale;
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
