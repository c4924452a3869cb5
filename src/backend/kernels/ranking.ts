import { PANEL, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel, type Rows } from './kernel.js';
import { at, element } from './operands.js';
import { pointwise } from './work.js';

/** Classes that are told of a row. */
export const RANKS = PANEL;

export interface RankOperands {
  /** [class panels, rows, 16] */
  probabilities: Tensor;
  classes: number;
  /** [rows, 16]: the likeliest first, of equals the lower id; −1 where there are no more classes */
  ids: IndexTensor;
}

/** The likeliest classes of rows [row0, row1). */
export const rank: Kernel<RankOperands, Rows> = {
  name: 'rank',
  arguments: ({ probabilities, classes, ids }) => [
    ...[at(probabilities), probabilities.stride[0]!, probabilities.shape[0]!, classes, at(ids)],
  ],
  call: plainNumbers,
  reference:
    ({ probabilities, classes, ids }) =>
    (row0, row1) => {
      for (let row = row0; row < row1; row++) {
        const ranked = Array.from({ length: classes }, (_, id) => id).sort(
          (a, b) => element(probabilities, row, b) - element(probabilities, row, a) || a - b,
        );
        for (let i = 0; i < RANKS; i++) ids.set(row, i, ranked[i] ?? -1);
      }
    },
  work: ({ probabilities }) => ({
    kernel: 'rank',
    about: probabilities,
    changes: [],
    of: (row0, row1) =>
      pointwise(probabilities, row1 - row0, probabilities.shape[0]! * PANEL, {
        ...{ visits: 1, flops: 0 },
      }),
  }),
};
