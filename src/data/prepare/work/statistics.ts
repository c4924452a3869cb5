import type { Statistics } from '../../store/manifest.js';

/** What a split is made of, for people to look at. */

/** How many of the longest rows are named. */
const longestRows = 5;

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

/** Counts a row by its length. */
export function countLength(lengths: number[], tokens: number): void {
  const place = lengthClass(tokens);
  for (let i = lengths.length; i <= place; i++) lengths.push(0);
  lengths[place]! += 1;
}

/** Of the sources of pairs. */
export function emptySide(): NonNullable<Statistics['source']> {
  return { textTokens: 0, unknownTokens: 0, longestRow: 0, lengths: [] };
}

/** Adds to `into` what `other` counted behind it. */
export function addStatistics(into: Statistics, other: Statistics): void {
  into.textTokens += other.textTokens;
  into.unknownTokens += other.unknownTokens;
  into.truncatedRows += other.truncatedRows;
  into.emptyRows += other.emptyRows;
  addLengths(into.lengths, other.lengths);
  other.labels.forEach((rows, i) => (into.labels[i]! += rows));
  if (other.scheme) {
    const { entities, broken } = other.scheme;
    const scheme = (into.scheme ??= { entities: 0, broken: 0 });
    scheme.entities += entities;
    scheme.broken += broken;
  }
  for (const row of other.longest) addLongest(into, row);
  for (const number of other.range ?? []) countNumber(into, number);
  if (other.sets) countSets(into, other.sets);
  if (other.source) {
    const side = (into.source ??= emptySide());
    side.textTokens += other.source.textTokens;
    side.unknownTokens += other.source.unknownTokens;
    side.longestRow = Math.max(side.longestRow, other.source.longestRow);
    addLengths(side.lengths, other.source.lengths);
  }
  if (other.leftOut) {
    const counts = (into.leftOut ??= { empty: 0, long: 0, uneven: 0 });
    for (const why of ['empty', 'long', 'uneven'] as const) counts[why] += other.leftOut[why];
  }
}

function addLengths(into: number[], others: readonly number[]): void {
  others.forEach((rows, i) => (into[i] = (into[i] ?? 0) + rows));
}

/** Counts a row with a set of labels, or several. */
export function countSets(
  into: Statistics,
  { empty, most }: NonNullable<Statistics['sets']>,
): void {
  const former = into.sets ?? { empty: 0, most: 0 };
  into.sets = { empty: former.empty + empty, most: Math.max(former.most, most) };
}

/** Widens the range to a number. */
export function countNumber(into: Statistics, number: number): void {
  const [least, greatest] = into.range ?? [number, number];
  into.range = [Math.min(least, number), Math.max(greatest, number)];
}

/** Keeps the row among the longest if it is one of them; the earlier one of equals stays. */
export function addLongest({ longest }: Statistics, row: Statistics['longest'][number]): void {
  if (longest.length === longestRows && row.tokens <= longest.at(-1)!.tokens) return;
  const place = longest.findIndex(({ tokens }) => tokens < row.tokens);
  longest.splice(place < 0 ? longest.length : place, 0, row);
  longest.length = Math.min(longest.length, longestRows);
}
