import { randomUUID } from 'node:crypto';
import { writeSync } from 'node:fs';
import { type FileHandle, mkdir, open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { BlockSums } from '../../store/checksums.js';
import type { BadRow } from '../../formats/examples.js';
import type { LocalCutter } from '../../tokenizers/local-cutter.js';
import { VarintWriter } from '../../tokenizers/varints.js';
import type { WordTable } from '../../tokenizers/word-table.js';
import {
  bucketBits,
  buckets,
  padded,
  type PieceBadRow,
  pieceBlockBytes,
  type PlacedRow,
  sections,
  streamSections,
  WRITTEN,
} from './piece.js';
import { FeatureWriter } from './piece-features.js';
import type { PieceRecord } from './records.js';

/** Gathers the tokens of a piece in memory; of pairs those of the targets, and as a stream of their own those of the sources. */
export class PieceBuilder {
  /** Of the rows' or the stream's text, in UTF-16 code units. */
  textLength = 0;
  readonly #cutter: LocalCutter;
  readonly #tokens = new VarintWriter();
  readonly #sources: { readonly cutter: LocalCutter; readonly tokens: VarintWriter } | undefined;
  readonly #rows = new VarintWriter();
  /** Takes what is known of tokens, in their order. */
  readonly features: FeatureWriter;
  readonly #bad: string[] = [];
  #hashes = new BigUint64Array(1 << 10);
  #hashRows = new Uint32Array(1 << 10);
  readonly #labels = new Map<string, number>();
  /** By number: see `WRITTEN`. */
  readonly #labelsWritten: number[] = [];
  #rowCount = 0;
  #hashCount = 0;
  #tokenCount = 0;
  #last: PlacedRow = { row: 0, line: 0 };

  /**
   * @param features How many features of tokens it is given.
   * @param sources Cuts the sources of pairs.
   */
  constructor(cutter: LocalCutter, features = 0, sources?: LocalCutter) {
    this.#cutter = cutter;
    this.#sources = sources && { cutter: sources, tokens: new VarintWriter() };
    this.features = new FeatureWriter(features);
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

  /** Appends the sources of pairs, whose targets are the texts; gives how many tokens each has. */
  addSources(texts: readonly string[]): number[] {
    const { cutter, tokens } = this.#sources!;
    for (const text of texts) this.textLength += text.length;
    return cutter.cut(texts, tokens);
  }

  /** Appends bytes that are tokens as they are. */
  addBytes(bytes: Uint8Array): void {
    this.#tokens.pushBytes(bytes);
    this.#tokenCount += bytes.length;
    this.textLength += bytes.length;
  }

  /**
   * Says which row the next of the texts that were appended is.
   *
   * @param label The name of its class, those of its labels, or an unsigned word of 32 bits that stands for itself: of a pair how many
   *   tokens its source has.
   * @param literals Of JSON: names that are numbers or booleans there.
   */
  addRow(
    place: PlacedRow,
    label: string | number | readonly string[],
    tokens: number,
    literals?: readonly string[],
  ): void {
    this.#beginRow(place);
    const written = literals && new Set(literals);
    if (typeof label === 'object') {
      this.#rows.push(label.length);
      for (const each of label) this.#rows.push(this.#numberOf(each, written));
    } else {
      this.#rows.push(typeof label === 'number' ? label : this.#numberOf(label, written));
    }
    this.#rows.push(tokens);
  }

  /** The same of a row whose tokens have a label each. */
  addTaggedRow(place: PlacedRow, labels: readonly string[]): void {
    this.#beginRow(place);
    this.#rows.push(labels.length);
    for (const label of labels) this.#rows.push(this.#numberOf(label));
  }

  #beginRow({ row, line }: PlacedRow): void {
    this.#rows.push(row - this.#last.row);
    this.#rows.push(line - this.#last.line);
    this.#last = { row, line };
  }

  #numberOf(label: string, literals?: ReadonlySet<string>): number {
    let number = this.#labels.get(label);
    if (number === undefined) {
      number = this.#labels.size;
      this.#labels.set(label, number);
      this.#labelsWritten.push(0);
    }
    if (literals !== undefined) {
      this.#labelsWritten[number]! |= literals.has(label) ? WRITTEN.asLiteral : WRITTEN.asText;
    }
    return number;
  }

  /** Takes the hash of a row's text; see PlacedRow. */
  addHash(hash: bigint, row: number): void {
    if (this.#hashCount === this.#hashes.length) {
      const [hashes, rows] = [this.#hashes, this.#hashRows];
      this.#hashes = new BigUint64Array(2 * this.#hashCount);
      this.#hashRows = new Uint32Array(2 * this.#hashCount);
      this.#hashes.set(hashes);
      this.#hashRows.set(rows);
    }
    this.#hashRows[this.#hashCount] = row;
    this.#hashes[this.#hashCount++] = hash;
    this.#rowCount += 1;
  }

  addBad({ line, row, reason, raw, isOfTarget }: BadRow): void {
    // Without the file's name: others may have the same content.
    const bad: PieceBadRow = { line, row, reason, raw, ...(isOfTarget && { isOfTarget }) };
    const json = JSON.stringify(bad);
    this.#bad.push(json);
    this.textLength += json.length;
  }

  /**
   * Writes the piece under its name, on disk when the promise in `synced` is done, and begins anew.
   *
   * @param scratch Where it is written first.
   */
  async finish(
    dir: string,
    file: string,
    scratch: string,
  ): Promise<{ record: PieceRecord; synced: Promise<void> }> {
    const { dictionary } = this.#cutter;
    const hashed = sortHashes(this.#hashes.subarray(0, this.#hashCount), this.#hashRows);
    const named = {
      ...streamContent(dictionary, this.#tokens.bytes),
      rowBuckets: bytesOf(hashed.starts),
      rowHashes: bytesOf(hashed.hashes),
      hashRows: bytesOf(hashed.rows),
      rows: this.#rows.bytes,
      bad: Buffer.from(this.#bad.map((each) => `${each}\n`).join('')),
    };
    const others = this.features.streams.map(({ values, numbers }) => ({
      words: values.size,
      content: streamContent(values, numbers.bytes),
    }));
    if (this.#sources) {
      const { cutter, tokens } = this.#sources;
      const content = streamContent(cutter.dictionary, tokens.bytes);
      others.push({ words: cutter.dictionary?.size ?? 0, content });
    }
    const content = [
      ...sections.map((section) => named[section]),
      ...others.flatMap((each) => streamSections.map((section) => each.content[section])),
    ];
    const written = await writeSections(join(dir, file), scratch, content);
    const record: PieceRecord = {
      file,
      rows: this.#rowCount,
      badRows: this.#bad.length,
      tokens: this.#tokenCount,
      words: dictionary?.size ?? 0,
      values: others.map(({ words }) => words),
      labels: [...this.#labels.keys()],
      labelsWritten: [...this.#labelsWritten],
      sections: written.places,
      bytes: written.bytes,
      sums: written.sums,
    };
    this.#clear();
    return { record, synced: written.synced };
  }

  #clear(): void {
    this.#cutter.clear();
    this.#tokens.clear();
    this.#sources?.cutter.clear();
    this.#sources?.tokens.clear();
    this.#rows.clear();
    this.features.clear();
    this.#bad.length = 0;
    this.#labels.clear();
    this.#labelsWritten.length = 0;
    this.#rowCount = this.#hashCount = this.#tokenCount = this.textLength = 0;
    this.#last = { row: 0, line: 0 };
  }
}

async function writeSections(
  path: string,
  scratch: string,
  content: readonly Uint8Array[],
): Promise<Pick<PieceRecord, 'bytes' | 'sums'> & { places: Places; synced: Promise<void> }> {
  const partial = join(scratch, randomUUID());
  const handle = await open(partial, 'wx');
  const places: Places = [];
  const blocks = new BlockSums(pieceBlockBytes);
  let at = 0;
  const write = (bytes: Uint8Array): void => {
    for (let done = 0; done < bytes.length;) {
      done += writeSync(handle.fd, bytes, done, bytes.length - done, at + done);
    }
    at += bytes.length;
  };
  for (const bytes of content) {
    const place: [number, number] = [at, bytes.length];
    places.push(place);
    const padding = padding8.subarray(0, padded(place) - at - bytes.length);
    for (const each of [bytes, padding]) {
      write(each);
      blocks.add(each);
    }
  }
  const sums = blocks.finish();
  write(sums);
  await mkdir(dirname(path), { recursive: true });
  await rename(partial, path);
  return { places, bytes: at, sums: crc32(sums), synced: syncAndClose(handle) };
}

type Places = [number, number][];

const padding8 = new Uint8Array(8);

async function syncAndClose(handle: FileHandle): Promise<void> {
  try {
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

/** @param dictionary Of words; absent where tokens are final ids. */
function streamContent(dictionary: WordTable | undefined, tokens: Uint8Array) {
  const { starts, numbers, ends, letters } = sortWords(dictionary);
  return {
    wordBuckets: bytesOf(starts),
    wordNumbers: bytesOf(numbers),
    wordEnds: bytesOf(ends),
    letters,
    tokens,
  };
}

/** The words of a dictionary by bucket, and within one by number. */
function sortWords(dictionary: WordTable | undefined) {
  const count = dictionary?.size ?? 0;
  const starts = new Uint32Array(buckets + 1);
  const numbers = new Uint32Array(count);
  const ends = new Uint32Array(count);
  if (dictionary === undefined) return { starts, numbers, ends, letters: Buffer.alloc(0) };
  for (let number = 0; number < count; number++)
    starts[bucketOf(dictionary.hash(number)) + 1]! += 1;
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
    const own = dictionary.letters(number);
    letters.set(own, at);
    at += own.length;
    ends[place] = at;
  });
  return { starts, numbers, ends, letters };
}

const bucketOf = (hash: number): number => hash >>> (32 - bucketBits);

/** The hashes of rows by bucket, and with them the rows' numbers. */
function sortHashes(hashes: BigUint64Array, rows: Uint32Array) {
  const starts = new Uint32Array(buckets + 1);
  const high = new Uint32Array(hashes.buffer, hashes.byteOffset, 2 * hashes.length);
  for (let i = 1; i < high.length; i += 2) starts[bucketOf(high[i]!) + 1]! += 1;
  for (let bucket = 0; bucket < buckets; bucket++) starts[bucket + 1]! += starts[bucket]!;
  const next = starts.slice();
  const sorted = {
    starts,
    hashes: new BigUint64Array(hashes.length),
    rows: new Uint32Array(hashes.length),
  };
  const halves = new Uint32Array(sorted.hashes.buffer);
  for (let i = 0; i < hashes.length; i++) {
    const place = next[bucketOf(high[2 * i + 1]!)]!++;
    halves[2 * place] = high[2 * i]!;
    halves[2 * place + 1] = high[2 * i + 1]!;
    sorted.rows[place] = rows[i]!;
  }
  return sorted;
}

function bytesOf({ buffer, byteOffset, byteLength }: Uint32Array | BigUint64Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
