import type { Source } from '../data/input/sources.js';

/** What a sample of a file holds, and how it is bounded. */

/** Rows and characters of a sample, at most. */
export const MOST_ROWS = 50_000;
export const MOST_CHARACTERS = 32_000_000;

/** A column of a table, or a field of objects. */
export interface SampledColumn {
  /** Its name, or its number where there is no name or the name is another column's, too. */
  readonly name: string | number;
  /** Row by row; empty where there is nothing. Of a list, its first parts with a blank in between. */
  readonly values: readonly string[];
  /** Whether all values are numbers in the file, and not texts of them. */
  readonly areNumbers?: boolean;
  /** Of columns that hold lists of texts. */
  readonly lists?: readonly (readonly string[])[];
}

export interface TableSample {
  readonly kind: 'table';
  readonly columns: readonly SampledColumn[];
  /** Of a CSV or TSV. */
  readonly header?: boolean;
  /** Where it is not that of the format. */
  readonly delimiter?: string;
  readonly quote?: '"' | 'auto' | 'none';
  /** Why the first row is or is not taken for a header. */
  readonly headerReason?: string;
  /** Rows that cannot be read as the others. */
  readonly faulty: number;
}

export interface LinesSample {
  readonly kind: 'lines';
  readonly lines: readonly string[];
}

export interface TaggedSample {
  readonly kind: 'tagged';
  /** Of each sentence the cells of each token. */
  readonly sentences: readonly (readonly (readonly string[])[])[];
  readonly columns: number;
}

export type Content = TableSample | LinesSample | TaggedSample;

/** Text as it is read for a sample, and how much of the file was read for it. */
export interface Reading {
  readonly pieces: AsyncIterable<string>;
  readonly source: Source;
  readonly mostRows: number;
  readonly header: boolean | undefined;
}

export interface ReadContent {
  readonly content: Content;
  readonly rows: number;
  /** Whether there is no more. */
  readonly isWhole: boolean;
  /** Where more text was read than rows were taken of: the share of it in which they stand. */
  readonly share?: number;
}

/** Pieces that were not all read to their end, since they are too many. */
const cut = new WeakSet<AsyncIterable<string>>();

export function isCut(pieces: AsyncIterable<string>): boolean {
  return cut.has(pieces);
}

/** Pieces of a text up to the most characters that are looked at. */
export function bounded(pieces: AsyncIterable<string>): AsyncIterable<string> {
  const given: AsyncIterable<string> = {
    async *[Symbol.asyncIterator]() {
      let left = MOST_CHARACTERS;
      for await (const piece of pieces) {
        yield piece;
        left -= piece.length;
        if (left > 0) continue;
        cut.add(given);
        return;
      }
    },
  };
  return given;
}
