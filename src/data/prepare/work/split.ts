import { UserError } from '../../../errors.js';
import { mix } from '../../batches/order.js';

/** To which split a row belongs when splits are fractions of the training files. */

export type SplitName = 'train' | 'validation' | 'test';

export type BySplit<T> = Partial<Record<SplitName, T>>;

/** What a piece gives to a split. */
export interface PieceShare {
  rows: number;
  tokens: number;
  /** Where rows are pairs: those of their sources, beside those of their targets. */
  sourceTokens?: number;
}

export interface Fractions {
  /** Shares of the training rows that are held out, from 0 to 1; together below 1. */
  readonly validation: number;
  readonly test: number;
}

/**
 * Checks fractions that the schema passed one by one.
 *
 * @throws UserError when nothing would be left to train on.
 */
export function checkFractions({ validation, test }: Fractions): void {
  if (validation + test < 1) return;
  throw new UserError(
    `data.validation (${validation}) and data.test (${test}) leave nothing to train on: expected fractions that add up to less than 1.`,
  );
}

/**
 * Deals the rows of one file. A row's split depends on the file's name and the row's number alone,
 * so that it stays where it is when rows or files are appended, and test and validation are taken
 * from opposite ends of the hash's range, so that changing one leaves the other as it is.
 *
 * @param name Of the file, without directory (see `splitName`).
 * @returns From a row's number, from 1, to its split.
 */
export function dealRows(name: string, fractions: Fractions): (row: number) => SplitName {
  const seed = hashName(name);
  return (row) => {
    const place = mix(mix(seed, row >>> 0), Math.floor(row / 2 ** 32)) / 2 ** 32;
    if (place < fractions.test) return 'test';
    return place >= 1 - fractions.validation ? 'validation' : 'train';
  };
}

/** FNV-1a over UTF-8. */
function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/**
 * Where a stream of tokens is cut for a language model: the last part of each file is validation,
 * and behind it test.
 *
 * @param length Tokens of the file.
 * @returns The first token of the validation part and of the test part.
 */
export function cutStream(
  length: number,
  { validation, test }: Fractions,
): { validation: number; test: number } {
  return {
    validation: Math.floor(length * (1 - validation - test)),
    test: Math.floor(length * (1 - test)),
  };
}
