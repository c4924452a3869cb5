import { z } from 'zod';

/** What a split is made of, for people to look at. */

const size = z.int().min(0);

/** How many of the longest rows are named. */
const longestRows = 5;

export const statisticsSchema = z.strictObject({
  /** Tokens of the text, before unknown words are dropped and rows truncated. */
  textTokens: size,
  /** How many of those are not in the vocabulary. */
  unknownTokens: size,
  /** Rows that lost tokens to `maxLength`. */
  truncatedRows: size,
  /** Rows without a token of their own. */
  emptyRows: size,
  /** Rows by length before truncation: of 0 tokens, 1, 2 to 3, 4 to 7, 8 to 15, … */
  lengths: z.array(size),
  /** Rows of each class, in the order of ids. */
  labels: z.array(size),
  /** The longest rows before truncation, with their places. */
  longest: z.array(z.strictObject({ source: size, row: size, tokens: size })),
});

export type Statistics = z.output<typeof statisticsSchema>;

/** @param classes Their number. */
export function emptyStatistics(classes: number): Statistics {
  return {
    textTokens: 0,
    unknownTokens: 0,
    truncatedRows: 0,
    emptyRows: 0,
    lengths: [],
    labels: new Array<number>(classes).fill(0),
    longest: [],
  };
}

/** Index of a length in `Statistics.lengths`. */
export function lengthClass(tokens: number): number {
  return 32 - Math.clz32(tokens);
}

/** Adds to `into` what `other` counted behind it. */
export function addStatistics(into: Statistics, other: Statistics): void {
  into.textTokens += other.textTokens;
  into.unknownTokens += other.unknownTokens;
  into.truncatedRows += other.truncatedRows;
  into.emptyRows += other.emptyRows;
  other.lengths.forEach((rows, i) => (into.lengths[i] = (into.lengths[i] ?? 0) + rows));
  other.labels.forEach((rows, i) => (into.labels[i]! += rows));
  for (const row of other.longest) addLongest(into, row);
}

/** Keeps the row among the longest if it is one of them; the earlier one of equals stays. */
export function addLongest({ longest }: Statistics, row: Statistics['longest'][number]): void {
  if (longest.length === longestRows && row.tokens <= longest.at(-1)!.tokens) return;
  const place = longest.findIndex(({ tokens }) => tokens < row.tokens);
  longest.splice(place < 0 ? longest.length : place, 0, row);
  longest.length = Math.min(longest.length, longestRows);
}
