import { softmax as softmaxLoss } from '../../backend/kernels/loss.js';
import { rank, RANKS } from '../../backend/kernels/ranking.js';
import { PANEL, panelsOf } from '../../tensor/heap.js';
import type { LossKind } from '../loss.js';
import { mostRows } from '../sizes.js';

export interface SoftmaxOptions {
  /** Share of a target that is spread evenly over all classes, from 0 to below 1. */
  labelSmoothing?: number;
  /** Of each class, above 0 and exact in float32; all are 1 where absent. */
  classWeights?: readonly number[];
}

/**
 * Softmax of the logits and the cross-entropy of the targets, in nats: −ln p(target). Smoothing, weights and the weighted mean
 * are those of PyTorch's CrossEntropyLoss: the sum of the batch's losses is divided by the sum of its targets' weights.
 */
export const softmax: LossKind = {
  kind: 'softmax',
  plan(options, heap, sizes, { per, width: classes }, logits) {
    const { labelSmoothing = 0, classWeights } = options as SoftmaxOptions;
    const rows = mostRows(sizes, { per });
    const losses = heap.tensor('losses', [rows]);
    const predicted = heap.indices('predicted', rows);
    // Whoever goes on with a text looks at a few of thousands of words.
    const ranked =
      sizes.shape.source && sizes.shape.carries
        ? {
            ids: heap.indices('ranked', rows, RANKS),
            probabilities: heap.tensor('ranked probabilities', [rows, RANKS]),
          }
        : undefined;
    const weighting =
      labelSmoothing > 0 || classWeights
        ? {
            weights: heap.tensor('class weights', [panelsOf(classes) * PANEL]),
            crossEntropies: heap.tensor('cross-entropies', [rows]),
          }
        : undefined;
    return {
      losses,
      predicted,
      compares: 'ids',
      crossEntropies: weighting?.crossEntropies ?? losses,
      outputs: logits,
      ...(ranked && { ranked }),
      ...(classWeights && { targetWeights: classWeights }),
      ...(weighting && {
        constants: [
          {
            buffer: weighting.weights,
            values: classWeights ?? new Array<number>(classes).fill(1),
          },
        ],
      }),
      bind({ backend, heap: bound, slotPlan, clock, view }, { value }) {
        const operands = {
          logits: value,
          classes,
          losses: bound.tensor(losses),
          predicted: bound.indices(predicted),
        };
        const compare = backend.bind(softmaxLoss, {
          ...operands,
          targets: bound.indices(slotPlan.targets),
          ...(weighting && {
            weighting: {
              weights: bound.tensor(weighting.weights),
              weightSum: classWeights?.reduce((sum, weight) => sum + weight, 0) ?? classes,
              smoothing: labelSmoothing,
              crossEntropies: bound.tensor(weighting.crossEntropies),
            },
          }),
        });
        const normalise = backend.bind(softmaxLoss, operands);
        const order =
          ranked &&
          backend.bind(rank, {
            ...{ logits: value, classes, ids: bound.indices(ranked.ids) },
            probabilities: bound.tensor(ranked.probabilities),
          });
        return (mode, row0, row1) => {
          // Before probabilities take the place of logits.
          if (mode === 'rank' || mode === 'predict') order?.(row0, row1);
          if (mode === 'predict') normalise(0, row0, row1);
          else if (mode !== 'rank') compare(mode === 'train' ? 1 / view.divisor : 0, row0, row1);
          clock.lap('loss');
        };
      },
    };
  },
};
