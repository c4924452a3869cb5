import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { findDamage, readUpTo } from '../../store/checksums.js';
import { errorCode } from '../../../system/error-code.js';
import type { BadRow } from '../../formats/examples.js';
import { VarintReader } from '../../tokenizers/varints.js';
import { DamagedPiece } from './damaged-piece.js';
import type { PieceRecord } from './records.js';

/**
 * A piece: some MiB of a corpus's text cut into tokens, before there is a vocabulary. A file of
 * sections, one after the other, each at a multiple of 8 bytes; behind them the checksums of their
 * blocks.
 */

/** Raised whenever the layout of a piece or what is cut from the same text changes. */
export const pieceVersion = 7;

/** How JSON writes a label, in bits: in quotation marks somewhere, as a number or a boolean elsewhere. */
export const WRITTEN = { asText: 1, asLiteral: 2, asBoth: 3 } as const;

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
  /** Hashes of the rows' texts, by bucket. Uint64 [hashes] */
  'rowHashes',
  /** Numbers of these rows in the extent. Uint32 [hashes] */
  'hashRows',
  /** Of rows that are kept: how far number and line of each are, its label (that of a class, the bits of a float32, or of a pair how many tokens its source has) and its tokens; its labels, their number first, and its tokens; or its tokens and their labels. */
  'rows',
  /** Numbers of the tokens: bytes as they are, or LEB128. */
  'tokens',
  /** Bad rows as JSON Lines. */
  'bad',
] as const;

type NamedSection = (typeof sections)[number];

/** Those that say what stands where in a stream of words; behind the others they are there again for each feature of tokens, of its values. */
export const streamSections = [
  'wordBuckets',
  'wordNumbers',
  'wordEnds',
  'letters',
  'tokens',
] as const satisfies readonly NamedSection[];

type StreamSection = (typeof streamSections)[number];

/** By its name, or that of a feature, the first of which has the number 1. */
export type Section = NamedSection | readonly [section: StreamSection, feature: number];

/** The stream that the sources of pairs are; their targets are stream 0. */
export const SOURCE_STREAM = 1;

/** The section of the words, stream 0, or of the values of a feature. */
export function sectionOf(section: StreamSection, stream: number): Section {
  return stream === 0 ? section : [section, stream];
}

/** How many words, stream 0, or values of a feature a piece has. */
export function wordsOf({ words, values }: PieceRecord, stream: number): number {
  return stream === 0 ? words : values[stream - 1]!;
}

/** Where a row stands in its extent, from 1. */
export interface PlacedRow {
  readonly row: number;
  readonly line: number;
}

/** A bad row, as it is in any file with the same content. */
export type PieceBadRow = Omit<BadRow, 'source'>;

/** Where the next section begins behind one. */
export function padded([start, length]: readonly [number, number]): number {
  return 8 * Math.ceil((start + length) / 8);
}

/** Of which a piece's checksums are: large, because sections are read as a whole. */
export const pieceBlockBytes = 1 << 16;

/** A piece on disk, read section by section; what is read is checked. */
export class PieceFile {
  readonly record: PieceRecord;
  readonly #path: string;
  readonly #file: number;
  /** Of the blocks of all sections together, which end where these begin. */
  readonly #sums: Uint32Array;
  readonly #sumsStart: number;

  /** @throws DamagedPiece */
  constructor(dir: string, record: PieceRecord) {
    this.record = record;
    this.#path = join(dir, record.file);
    this.#file = this.#open();
    try {
      this.#sumsStart = padded(this.record.sections.at(-1)!);
      const sums = this.#readBytes(this.#sumsStart, record.bytes);
      if (crc32(sums) !== record.sums) throw new DamagedPiece(this.#path);
      this.#sums = new Uint32Array(sums.buffer);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  /**
   * The bytes of a section, or `length` of them from `start`.
   *
   * @throws DamagedPiece
   */
  read(section: Section, start = 0, length = this.#place(section)[1] - start): Buffer {
    if (length === 0) return Buffer.from(new ArrayBuffer(0));
    const at = this.#place(section)[0] + start;
    const first = at - (at % pieceBlockBytes);
    const last = Math.ceil((at + length) / pieceBlockBytes) * pieceBlockBytes;
    const bytes = this.#readBytes(first, Math.min(last, this.#sumsStart));
    const damage = findDamage(bytes, pieceBlockBytes, first, (block) => this.#sums[block]!);
    if (damage !== undefined) throw new DamagedPiece(this.#path);
    return bytes.subarray(at - first, at - first + length);
  }

  /** As `read`, for sections of uint32, in such. */
  readWords(section: Section, start = 0, length?: number): Uint32Array {
    const bytes = this.read(section, 4 * start, length === undefined ? undefined : 4 * length);
    return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  }

  /** Calls `visit` for every row of a piece whose tokens have labels; these are good until the next row. */
  eachTaggedRow(visit: (place: PlacedRow, labels: Uint32Array) => void): void {
    const rows = new VarintReader(this.read('rows'));
    let labels = new Uint32Array(1 << 8);
    let row = 0;
    let line = 0;
    while (!rows.done) {
      row += rows.next();
      line += rows.next();
      const tokens = rows.next();
      if (tokens > labels.length) labels = new Uint32Array(2 * tokens);
      rows.read(labels, tokens);
      visit({ row, line }, labels.subarray(0, tokens));
    }
  }

  /**
   * Calls `visit` for every row of a piece whose rows have labels; these are good until the next row.
   *
   * @param has Whether every row has one label, or any number of them.
   */
  eachRow(
    has: 'one label' | 'labels',
    visit: (place: PlacedRow, labels: Uint32Array, tokens: number) => void,
  ): void {
    const rows = new VarintReader(this.read('rows'));
    let labels = new Uint32Array(1);
    let row = 0;
    let line = 0;
    while (!rows.done) {
      row += rows.next();
      line += rows.next();
      const count = has === 'labels' ? rows.next() : 1;
      // As many as the row has: mostly as many as the row before.
      if (count !== labels.length) labels = new Uint32Array(count);
      for (let i = 0; i < count; i++) labels[i] = rows.next();
      visit({ row, line }, labels, rows.next());
    }
  }

  badRows(): PieceBadRow[] {
    const lines = this.read('bad').toString().split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as PieceBadRow);
  }

  #open(): number {
    try {
      return openSync(this.#path, 'r');
    } catch (error) {
      // Whoever finds that a file has changed removes the pieces of what it was.
      if (errorCode(error) === 'ENOENT') throw new DamagedPiece(this.#path);
      throw error;
    }
  }

  #readBytes(start: number, end: number): Buffer {
    // An ArrayBuffer of its own, which wider arrays can look at.
    const bytes = Buffer.from(new ArrayBuffer(end - start));
    if (readUpTo(this.#file, bytes, start) < bytes.length) throw new DamagedPiece(this.#path);
    return bytes;
  }

  #place(section: Section): [number, number] {
    return this.record.sections[indexOf(section)]!;
  }
}

function indexOf(section: Section): number {
  if (typeof section === 'string') return sections.indexOf(section);
  const [name, feature] = section;
  return sections.length + (feature - 1) * streamSections.length + streamSections.indexOf(name);
}

/** @throws DamagedPiece */
export function readBadRows(dir: string, record: PieceRecord): PieceBadRow[] {
  const piece = new PieceFile(dir, record);
  try {
    return piece.badRows();
  } finally {
    piece.close();
  }
}

/** Calls `visit` with the number and the UTF-8 of every word, or of every value of a feature, that a piece has. */
export function eachWord(
  piece: PieceFile,
  stream: number,
  visit: (number: number, letters: Buffer) => void,
): void {
  const ends = piece.readWords(sectionOf('wordEnds', stream));
  const letters = piece.read(sectionOf('letters', stream));
  let start = 0;
  piece.readWords(sectionOf('wordNumbers', stream)).forEach((number, i) => {
    visit(number, letters.subarray(start, ends[i]));
    start = ends[i]!;
  });
}

/** Reads the tokens of a piece in order, some at a time. */
export interface TokenReader {
  /** Reads the next `count` tokens into the start of an array. */
  read(into: Uint32Array, count: number): void;
}

/**
 * @param plainBytes See `LocalCutter`.
 * @param stream 0 of the words, or the number of a feature whose values are read.
 */
export function readTokens(piece: PieceFile, plainBytes: boolean, stream = 0): TokenReader {
  const bytes = piece.read(sectionOf('tokens', stream));
  if (!plainBytes) return new VarintReader(bytes);
  let at = 0;
  return {
    read(into, count) {
      for (let i = 0; i < count; i++) into[i] = bytes[at + i]!;
      at += count;
    },
  };
}
