import type { Score } from './task.js';

/** Things that are found or not: those found rightly, those that there are, and those that were predicted. */
export interface FoundCounts {
  right: number;
  true: number;
  predicted: number;
}

/** Precision, recall and F1; 0 where a share has nothing to it. */
export function scoreOf({ right, true: support, predicted }: FoundCounts): Score {
  const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
  return {
    precision: share(right, predicted),
    recall: share(right, support),
    f1: share(2 * right, predicted + support),
    support,
  };
}

/** Adds counts up. */
export function sumCounts(all: Iterable<FoundCounts>): FoundCounts {
  const sum = { right: 0, true: 0, predicted: 0 };
  for (const each of all) {
    sum.right += each.right;
    sum.true += each.true;
    sum.predicted += each.predicted;
  }
  return sum;
}
