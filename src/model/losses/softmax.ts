import { softmax as softmaxLoss } from '../../backend/kernels/loss.js';
import type { LossKind } from '../loss.js';
import { mostRows } from '../sizes.js';

/** Softmax of the logits and the cross-entropy of the targets, in nats: −ln p(target). */
export const softmax: LossKind = {
  kind: 'softmax',
  plan(heap, sizes, { per, width: classes }, logits) {
    const rows = mostRows(sizes, per);
    const losses = heap.tensor('losses', [rows]);
    const predicted = heap.indices('predicted', rows);
    return {
      losses,
      predicted,
      outputs: logits,
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
        });
        const normalise = backend.bind(softmaxLoss, operands);
        return (mode, row0, row1) => {
          if (mode === 'predict') normalise(0, row0, row1);
          else compare(mode === 'train' ? 1 / view.targets : 0, row0, row1);
          clock.lap('loss');
        };
      },
    };
  },
};
