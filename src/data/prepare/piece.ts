import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { BadRow } from '../examples.js';
import type { LocalCutter } from '../tokenizers/local-cutter.js';
import { VarintReader, VarintWriter } from '../tokenizers/varints.js';
import { ownMark } from './leftovers.js';
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

const sections = [
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

type Section = (typeof sections)[number];

/** Where a row stands in its extent, from 1. */
export interface PlacedRow {
  readonly row: number;
  readonly line: number;
}

/** Gathers the tokens of a piece in memory. */
export class PieceBuilder {
  /** Of the rows' or the stream's text, in UTF-16 code units. */
  textLength = 0;
  readonly #cutter: LocalCutter;
  readonly #tokens = new VarintWriter();
  readonly #rows = new VarintWriter();
  readonly #bad: string[] = [];
  #hashes = new BigUint64Array(1 << 10);
  readonly #labels = new Map<string, number>();
  #rowCount = 0;
  #hashCount = 0;
  #tokenCount = 0;
  #last: PlacedRow = { row: 0, line: 0 };

  constructor(cutter: LocalCutter) {
    this.#cutter = cutter;
  }

  get isEmpty(): boolean {
    return this.#rowCount === 0 && this.#tokenCount === 0 && this.#bad.length === 0;
  }

  /** Appends texts; gives how many tokens each has. */
  addTexts(texts: readonly string[]): number[] {
    const counts = this.#cutter.cut(texts, this.#tokens);
    for (const count of counts) this.#tokenCount += count;
    for (const text of texts) this.textLength += text.length;
    return counts;
  }

  /** Appends bytes that are tokens as they are. */
  addBytes(bytes: Uint8Array): void {
    this.#tokens.pushBytes(bytes);
    this.#tokenCount += bytes.length;
    this.textLength += bytes.length;
  }

  /** Says which row the next of the texts that were appended is. */
  addRow({ row, line }: PlacedRow, label: string, tokens: number): void {
    let number = this.#labels.get(label);
    if (number === undefined) {
      number = this.#labels.size;
      this.#labels.set(label, number);
    }
    this.#rows.push(row - this.#last.row);
    this.#rows.push(line - this.#last.line);
    this.#rows.push(number);
    this.#rows.push(tokens);
    this.#last = { row, line };
  }

  addHash(hash: bigint): void {
    if (this.#hashCount === this.#hashes.length) {
      const larger = new BigUint64Array(2 * this.#hashCount);
      larger.set(this.#hashes);
      this.#hashes = larger;
    }
    this.#hashes[this.#hashCount++] = hash;
    this.#rowCount += 1;
  }

  addBad(bad: BadRow): void {
    const json = JSON.stringify(bad);
    this.#bad.push(json);
    this.textLength += json.length;
  }

  /** Writes the piece under its name, on disk when the promise in `synced` is done, and begins anew. */
  async finish(dir: string, file: string): Promise<{ record: PieceRecord; synced: Promise<void> }> {
    const words = sortWords(this.#cutter);
    const hashes = this.#hashes.subarray(0, this.#hashCount).sort();
    const content: Record<Section, Uint8Array> = {
      wordBuckets: bytesOf(words.starts),
      wordNumbers: bytesOf(words.numbers),
      wordEnds: bytesOf(words.ends),
      letters: words.letters,
      rowBuckets: bytesOf(findBuckets(hashes)),
      rowHashes: bytesOf(hashes),
      rows: this.#rows.bytes,
      tokens: this.#tokens.bytes,
      bad: Buffer.from(this.#bad.map((each) => `${each}\n`).join('')),
    };
    const written = await writeSections(dir, file, content);
    const record: PieceRecord = {
      file,
      rows: this.#rowCount,
      badRows: this.#bad.length,
      tokens: this.#tokenCount,
      words: words.numbers.length,
      labels: [...this.#labels.keys()],
      sections: written.places,
      bytes: written.bytes,
    };
    this.#clear();
    return { record, synced: written.synced };
  }

  #clear(): void {
    this.#cutter.clear();
    this.#tokens.clear();
    this.#rows.clear();
    this.#bad.length = 0;
    this.#labels.clear();
    this.#rowCount = this.#hashCount = this.#tokenCount = this.textLength = 0;
    this.#last = { row: 0, line: 0 };
  }
}

async function writeSections(
  dir: string,
  file: string,
  content: Record<Section, Uint8Array>,
): Promise<{ places: [number, number][]; bytes: number; synced: Promise<void> }> {
  const path = join(dir, `${file}.${ownMark()}`);
  const handle = await open(path, 'w');
  const places: [number, number][] = [];
  let at = 0;
  for (const section of sections) {
    const bytes = content[section];
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(handle.fd, bytes, done, bytes.length - done, at + done);
    }
    places.push([at, bytes.length]);
    at = 8 * Math.ceil((at + bytes.length) / 8);
  }
  await handle.truncate(at);
  await rename(path, join(dir, file));
  return { places, bytes: at, synced: syncAndClose(handle) };
}

async function syncAndClose(handle: FileHandle): Promise<void> {
  try {
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

/** The words of a dictionary by bucket, and within one by number. */
function sortWords({ dictionary }: LocalCutter) {
  const count = dictionary?.size ?? 0;
  const starts = new Uint32Array(buckets + 1);
  const numbers = new Uint32Array(count);
  const ends = new Uint32Array(count);
  if (dictionary === undefined) return { starts, numbers, ends, letters: Buffer.alloc(0) };
  for (let number = 0; number < count; number++) starts[bucketOf(dictionary.hash(number)) + 1]! += 1;
  for (let bucket = 0; bucket < buckets; bucket++) starts[bucket + 1]! += starts[bucket]!;
  const next = starts.slice();
  let length = 0;
  for (let number = 0; number < count; number++) {
    numbers[next[bucketOf(dictionary.hash(number))]!++] = number;
    length += dictionary.letters(number).length;
  }
  const letters = Buffer.allocUnsafe(length);
  let at = 0;
  numbers.forEach((number, place) => {
    at += dictionary.letters(number).copy(letters, at);
    ends[place] = at;
  });
  return { starts, numbers, ends, letters };
}

const bucketOf = (hash: number): number => hash >>> (32 - bucketBits);

/** Where each bucket begins in ascending hashes. */
function findBuckets(hashes: BigUint64Array): Uint32Array {
  const starts = new Uint32Array(buckets + 1);
  const high = new Uint32Array(hashes.buffer, hashes.byteOffset, 2 * hashes.length);
  for (let i = 1; i < high.length; i += 2) starts[bucketOf(high[i]!) + 1]! += 1;
  for (let bucket = 0; bucket < buckets; bucket++) starts[bucket + 1]! += starts[bucket]!;
  return starts;
}

function bytesOf({ buffer, byteOffset, byteLength }: Uint32Array | BigUint64Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
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
    for (let done = 0; done < length; ) {
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
