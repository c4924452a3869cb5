import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { BadRow } from '../examples.js';
import { VarintReader } from '../tokenizers/varints.js';
import type { PieceRecord } from './records.js';

/**
 * A piece: some MiB of a corpus's text cut into tokens, before there is a vocabulary. A file of
 * sections, one after the other, each at a multiple of 8 bytes.
 */

/** Raised whenever the layout of a piece or what is cut from the same text changes. */
export const pieceVersion = 1;

/** Words and rows lie in this many buckets by the top bits of their hashes. */
export const bucketBits = 10;
export const buckets = 1 << bucketBits;

export const sections = [
  /** Where each bucket of words begins, in words. Uint32 [buckets + 1] */
  'wordBuckets',
  /** The number of each word in `tokens`. Uint32 [words] */
  'wordNumbers',
  /** Where each word ends in `letters`. Uint32 [words] */
  'wordEnds',
  /** The words' UTF-8, by bucket and then by number. */
  'letters',
  /** Where each bucket of row hashes begins, in rows. Uint32 [buckets + 1] */
  'rowBuckets',
  /** Hashes of the rows' texts, ascending. Uint64 [hashes] */
  'rowHashes',
  /** For `classify`: of each row how far its number, its line and its label are, and its tokens. */
  'rows',
  /** Numbers of the tokens: bytes as they are, or LEB128. */
  'tokens',
  /** Bad rows as JSON Lines. */
  'bad',
] as const;

export type Section = (typeof sections)[number];

/** Where a row stands in its extent, from 1. */
export interface PlacedRow {
  readonly row: number;
  readonly line: number;
}

/** A piece on disk, read section by section. */
export class PieceFile {
  readonly record: PieceRecord;
  readonly #file: number;

  constructor(dir: string, record: PieceRecord) {
    this.record = record;
    this.#file = openSync(join(dir, record.file), 'r');
  }

  close(): void {
    closeSync(this.#file);
  }

  /** The bytes of a section, or `length` of them from `start`. */
  read(section: Section, start = 0, length = this.#place(section)[1] - start): Buffer {
    // An ArrayBuffer of its own, which wider arrays can look at.
    const bytes = Buffer.from(new ArrayBuffer(length));
    const [at] = this.#place(section);
    for (let done = 0; done < length;) {
      const count = readSync(this.#file, bytes, done, length - done, at + start + done);
      if (count === 0) throw new Error(`${this.record.file} was cut off while it was read`);
      done += count;
    }
    return bytes;
  }

  /** As `read`, for sections of uint32, in such. */
  readWords(section: Section, start = 0, length?: number): Uint32Array {
    const bytes = this.read(section, 4 * start, length === undefined ? undefined : 4 * length);
    return new Uint32Array(bytes.buffer);
  }

  /** Calls `visit` for every row of a piece for `classify`. */
  eachRow(visit: (place: PlacedRow, label: number, tokens: number) => void): void {
    const rows = new VarintReader(this.read('rows'));
    let row = 0;
    let line = 0;
    while (!rows.done) {
      row += rows.next();
      line += rows.next();
      visit({ row, line }, rows.next(), rows.next());
    }
  }

  badRows(): BadRow[] {
    const lines = this.read('bad').toString().split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as BadRow);
  }

  #place(section: Section): [number, number] {
    return this.record.sections[sections.indexOf(section)]!;
  }
}

/** Reads the tokens of a piece in order, some at a time. */
export interface TokenReader {
  /** Reads the next `count` tokens into the start of an array. */
  read(into: Uint32Array, count: number): void;
}

/** @param plainBytes See `LocalCutter`. */
export function readTokens(piece: PieceFile, plainBytes: boolean): TokenReader {
  const bytes = piece.read('tokens');
  if (!plainBytes) return new VarintReader(bytes);
  let at = 0;
  return {
    read(into, count) {
      for (let i = 0; i < count; i++) into[i] = bytes[at + i]!;
      at += count;
    },
  };
}
