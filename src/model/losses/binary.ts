import { binary as binaryLoss } from '../../backend/kernels/binary.js';
import { PANEL, panelsOf } from '../../tensor/heap.js';
import { wordsOf } from '../../tensor/label-sets.js';
import type { LossKind } from '../loss.js';
import { mostRows } from '../sizes.js';

export interface BinaryOptions {
  /** Of each label, above 0 and exact in float32: how much it counts where a row has it; all are 1 where absent. */
  positiveWeights?: readonly number[];
}

/**
 * Sigmoid of the logits and the cross-entropy of each label by itself, in nats: PyTorch's BCEWithLogitsLoss, the mean over the
 * batch's rows and the labels. A target is the set of a row's labels, a bit each.
 */
export const binary: LossKind = {
  kind: 'binary',
  targetWords: ({ width: labels }) => wordsOf(labels),
  plan(options, heap, sizes, { per, width: labels }, logits) {
    const { positiveWeights } = options as BinaryOptions;
    const [rows, words] = [mostRows(sizes, { per }), wordsOf(labels)];
    const losses = heap.tensor('losses', [rows]);
    const predicted = heap.indices('predicted', rows, words);
    const weights = positiveWeights && heap.tensor('label weights', [panelsOf(labels) * PANEL]);
    return {
      ...{ losses, predicted, crossEntropies: losses, outputs: logits },
      compares: 'sets',
      ...(weights && { constants: [{ buffer: weights, values: positiveWeights }] }),
      bind({ backend, heap: bound, slotPlan, clock, view }, { value }) {
        const operands = {
          ...{ logits: value, labels },
          ...{ losses: bound.tensor(losses), predicted: bound.indices(predicted) },
          ...(weights && { weights: bound.tensor(weights) }),
        };
        const sets = { ...slotPlan.targets, shape: [rows, words], stride: [words, 1] };
        const compare = backend.bind(binaryLoss, { ...operands, targets: bound.indices(sets) });
        const predict = backend.bind(binaryLoss, operands);
        return (mode, row0, row1) => {
          if (mode === 'predict') predict(0, row0, row1);
          else compare(mode === 'train' ? 1 / view.divisor : 0, row0, row1);
          clock.lap('loss');
        };
      },
    };
  },
};
