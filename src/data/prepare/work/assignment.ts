import { cutStream, dealRows, type Fractions, type SplitName } from './split.js';

/** To which split the rows and tokens of a piece belong. */

/** A piece of a corpus in its place. */
export interface PlacedPiece {
  /** Directory of the piece. */
  readonly dir: string;
  /** Index of its source, and the source's name and option. */
  readonly source: number;
  readonly name: string;
  readonly from: SplitName;
  /** Rows of the source before the extent that the piece is of. */
  readonly rowsBefore: number;
  /** Tokens of the source before the piece, and in all. */
  readonly tokensBefore: number;
  readonly sourceTokens: number;
}

/** From the number of a row in its source, from 1, to its split. */
export function assignRows(
  { from, name }: PlacedPiece,
  fractions: Fractions,
): (row: number) => SplitName {
  return from === 'train' ? dealRows(name, fractions) : () => from;
}

/** Consecutive tokens of a piece that belong to one split: from `start`, not including `end`. */
export interface Stretch {
  readonly split: SplitName;
  readonly start: number;
  readonly end: number;
}

/** For language models: the last part of a training source is validation, and behind it test. */
export function assignTokens(
  { from, tokensBefore, sourceTokens }: PlacedPiece,
  tokens: number,
  fractions: Fractions,
): Stretch[] {
  if (from !== 'train') return [{ split: from, start: 0, end: tokens }];
  const cuts = cutStream(sourceTokens, fractions);
  const bounds = [0, cuts.validation, cuts.test, sourceTokens];
  return (['train', 'validation', 'test'] as const)
    .map((split, i) => ({
      split,
      start: Math.max(0, bounds[i]! - tokensBefore),
      end: Math.min(tokens, bounds[i + 1]! - tokensBefore),
    }))
    .filter(({ start, end }) => start < end);
}
