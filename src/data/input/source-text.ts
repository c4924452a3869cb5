import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { UserError } from '../../errors.js';
import { requireCompressed, requireText } from './content-kind.js';
import { decodeText, decodeWindows1252, type Encoding } from './encodings.js';
import { errorCode } from '../../system/error-code.js';
import { DamagedGzip, decompressGzip } from './gzip.js';
import { nameSource, type Source, standardInput } from './sources.js';
import { type Decoding, explainMarks, isMarked } from './utf8.js';
import { DamagedZstd, decompressZstd } from './zstd/zstd.js';
import type { Extent } from './extent.js';

/** From a source's bytes to its text, piece by piece, at the reader's pace. */

const pieceBytes = 1 << 17;

/** Sees every piece of the file as it lies on disk, before it is decompressed. */
export type BytesObserver = (bytes: Uint8Array) => void;

export interface TextOptions {
  /** By default what the byte order mark says, else UTF-8. */
  readonly encoding?: Encoding | undefined;
}

/**
 * Reads a source, or an extent of it, as text in pieces of about 128 KiB that never cut a character
 * in two. A byte order mark is dropped.
 *
 * @throws UserError for a file that cannot be read, whose compressed data is damaged, or that holds
 *   bytes that are no text.
 */
export async function* readText(
  source: Source,
  options: TextOptions,
  extent?: Extent,
  observe?: BytesObserver,
): AsyncGenerator<string, void, undefined> {
  const decoding = { isMalformed: false };
  for await (const text of readMarkedText(source, options, decoding, extent, observe)) {
    if (decoding.isMalformed) throw await explainEncoding(source, options);
    yield text;
  }
}

/**
 * As `readText`, but bytes that are no text become lone surrogates, which `decoding` tells.
 *
 * @throws UserError for a file that cannot be read or whose compressed data is damaged.
 */
export function readMarkedText(
  source: Source,
  { encoding }: TextOptions,
  decoding: Decoding,
  extent?: Extent,
  observe?: BytesObserver,
): AsyncGenerator<string, void, undefined> {
  const atStart = extent === undefined || extent.start === 0;
  const bytes = readContent(source, extent, observe);
  const isUnpacked = source.compression !== undefined;
  const content = atStart
    ? requireText(bytes, nameSource(source.path), encoding, isUnpacked)
    : bytes;
  return decodeText(content, encoding, atStart, decoding);
}

/** How much of a file is looked through for more of the bytes that are no text. */
const mostCounted = 2 ** 30;

/** The refusal of a file that is not all text: reads it once more to say where, and how often. */
export async function explainEncoding(source: Source, options: TextOptions): Promise<UserError> {
  const decoding = { isMalformed: false };
  let line = 1;
  let reason = '';
  let count = 0;
  let length = 0;
  const read = source.path === standardInput ? [] : readMarkedText(source, options, decoding);
  for await (const text of read) {
    length += text.length;
    if (reason === '') {
      const at = decoding.isMalformed ? text.search(/\p{Surrogate}/u) : text.length;
      line += countFeeds(text.slice(0, at));
      if (isMarked(text)) reason = explainMarks(text, decodeWindows1252);
    }
    if (decoding.isMalformed) count += text.match(/\p{Surrogate}/gu)?.length ?? 0;
    if (length > mostCounted) break;
  }
  const name = nameSource(source.path);
  if (reason === '') return new UserError(`${name}: expected text in UTF-8.`);
  const least = length > mostCounted ? 'at least ' : '';
  const all = `${least}${count} ${count === 1 ? 'such byte' : 'such bytes'}`;
  return new UserError(
    `${name}, line ${line}: ${reason}; the file has ${all}. ` +
      'Set data.encoding to that of the file, or data.onBadRow to leave such rows out.',
  );
}

/** Line feeds of a text. */
export function countFeeds(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}

/**
 * Reads the bytes of a source's text, decompressed and otherwise as they are.
 *
 * @throws UserError for a file that cannot be read or whose compressed data is damaged.
 */
export async function* readContent(
  source: Source,
  extent?: Extent,
  observe?: BytesObserver,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* decompress(source, readBytes(source, extent, observe));
  } catch (error) {
    throw explain(error, source);
  }
}

/** Reads a source as it lies on disk. */
export async function* readBytes(
  source: Source,
  extent?: Extent,
  observe?: BytesObserver,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const bytes of openFile(source, extent) as AsyncIterable<Buffer>) {
    observe?.(bytes);
    yield bytes;
  }
}

function openFile(source: Source, extent: Extent | undefined): Readable | Buffer[] {
  if (source.path === standardInput) return process.stdin;
  const options = { highWaterMark: pieceBytes };
  if (extent === undefined || source.compression !== undefined) {
    return createReadStream(source.path, options);
  }
  if (extent.end <= extent.start) return [];
  // Node's `end` is the last byte.
  return createReadStream(source.path, { ...options, start: extent.start, end: extent.end - 1 });
}

function decompress(source: Source, bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  if (source.compression === undefined) return bytes;
  const begun = requireCompressed(bytes, nameSource(source.path), source.compression);
  if (source.compression === 'zstd') return decompressZstd(begun);
  return decompressGzip(begun, pieceBytes);
}

function explain(error: unknown, { path }: Source): unknown {
  if (error instanceof DamagedGzip) {
    return new UserError(`${nameSource(path)}: the gzip data ${error.message}.`);
  }
  if (error instanceof DamagedZstd) {
    return new UserError(`${nameSource(path)}: the zstd data ${error.message}.`);
  }
  return explainReading(error, path);
}

/** A UserError in the place of an error of the file system that its reader can mend. */
export function explainReading(error: unknown, path: string): unknown {
  const code = errorCode(error);
  if (code === 'ENOENT') return new UserError(`There is no file ${JSON.stringify(path)}.`);
  if (code === 'EACCES' || code === 'EISDIR') {
    return new UserError(`${path} cannot be read: expected a readable file.`);
  }
  return error;
}
