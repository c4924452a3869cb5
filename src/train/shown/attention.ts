import type { SampleRow } from '../../events.js';

/** Tokens of either side whose attention is shown. */
const MOST_TOKENS = 40;
const DIGITS = 2;

/** What each token attended to, small enough for a line of the log. @param weights [target, source] */
export function showAttention(
  source: readonly string[],
  target: readonly string[],
  weights: readonly (readonly number[])[],
): NonNullable<SampleRow['attention']> {
  const cut = <T>(list: readonly T[]): T[] => list.slice(0, MOST_TOKENS);
  return {
    source: cut(source),
    target: cut(target),
    weights: cut(weights)
      .slice(0, target.length)
      .map((row) => cut(row).map((weight) => Number(weight.toFixed(DIGITS)))),
  };
}
