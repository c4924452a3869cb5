import { softmax as softmaxLoss } from '../../backend/kernels/loss.js';
import { rank, RANKS } from '../../backend/kernels/ranking.js';
import { PANEL, panelsOf } from '../../tensor/heap.js';
import type { LossKind } from '../loss.js';
import { mostRows } from '../sizes.js';

/** Rows whose probabilities stay in the second-level cache; as many as the kernels go through at a time. */
const RANKED_ROWS = 16;

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
      sizes.shape.source && sizes.shape.carries ? heap.indices('ranked', rows, RANKS) : undefined;
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
          backend.bind(rank, { probabilities: value, classes, ids: bound.indices(ranked) });
        return (mode, row0, row1) => {
          if (mode === 'predict') {
            // What has been normalised is ranked before it leaves the second-level cache.
            const rows = order ? RANKED_ROWS : row1 - row0;
            for (let row = row0; row < row1; row += rows) {
              const end = Math.min(row1, row + rows);
              normalise(0, row, end);
              order?.(row, end);
            }
          } else compare(mode === 'train' ? 1 / view.divisor : 0, row0, row1);
          clock.lap('loss');
        };
      },
    };
  },
};
