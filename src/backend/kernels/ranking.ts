import { PANEL, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel, type Rows } from './kernel.js';
import { at, element } from './operands.js';
import { pointwise } from './work.js';

/** Classes that are told of a row. */
export const RANKS = PANEL;

export interface RankOperands {
  /** [class panels, rows, 16] */
  logits: Tensor;
  classes: number;
  /** [rows, 16]: the likeliest first, of equals the lower id; −1 where there are no more classes */
  ids: IndexTensor;
  /** [rows, 16]: theirs, 0 where there are none */
  probabilities: Tensor;
}

/** Multiply-adds and the like for each logit. */
const OPERATIONS = 14;

/** The likeliest classes of rows [row0, row1), by the softmax of their logits. */
export const rank: Kernel<RankOperands, Rows> = {
  name: 'rank',
  arguments: ({ logits, classes, ids, probabilities }) => [
    ...[at(logits), logits.stride[0]!, logits.shape[0]!, classes, at(ids), at(probabilities)],
  ],
  call: plainNumbers,
  reference:
    ({ logits, classes, ids, probabilities }) =>
    (row0, row1) => {
      for (let row = row0; row < row1; row++) {
        const own = Array.from({ length: classes }, (_, id) => element(logits, row, id));
        const highest = Math.max(...own);
        const sum = own.reduce((all, logit) => all + Math.exp(logit - highest), 0);
        const ranked = own.map((logit, id) => ({
          id,
          probability: Math.exp(logit - highest) / sum,
        }));
        ranked.sort((a, b) => b.probability - a.probability || a.id - b.id);
        for (let i = 0; i < RANKS; i++) {
          ids.set(row, i, ranked[i]?.id ?? -1);
          probabilities.set(row, i, ranked[i]?.probability ?? 0);
        }
      }
    },
  work: ({ logits }) => ({
    kernel: 'rank',
    about: logits,
    changes: [],
    of: (row0, row1) =>
      pointwise(logits, row1 - row0, logits.shape[0]! * PANEL, { visits: 2, flops: OPERATIONS }),
  }),
};
