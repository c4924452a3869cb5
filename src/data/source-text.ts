import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { StringDecoder } from 'node:string_decoder';
import { createGunzip } from 'node:zlib';
import { UserError } from '../errors.js';
import { errorCode } from './error-code.js';
import { type Source, standardInput } from './sources.js';

/** From a source's bytes to its text, piece by piece, at the reader's pace. */

const pieceBytes = 1 << 17;

/** Sees every piece of the file as it lies on disk, before it is decompressed. */
export type BytesObserver = (bytes: Uint8Array) => void;

/**
 * Reads a source as UTF-8 text in pieces of about 128 KiB that never cut a character in two. A
 * byte order mark is dropped; bytes that are no UTF-8 become U+FFFD.
 *
 * @throws UserError for a file that cannot be read or whose gzip data is damaged.
 */
export async function* readText(
  source: Source,
  observe?: BytesObserver,
): AsyncGenerator<string, void, undefined> {
  const decoder = new StringDecoder('utf8');
  let atStart = true;
  const decode = (text: string): string => {
    if (!atStart || text === '') return text;
    atStart = false;
    return text.startsWith('\uFEFF') ? text.slice(1) : text;
  };
  try {
    for await (const bytes of unpack(source, observe)) {
      const text = decode(decoder.write(bytes));
      if (text !== '') yield text;
    }
  } catch (error) {
    throw explain(error, source);
  }
  const rest = decode(decoder.end());
  if (rest !== '') yield rest;
}

/** Reads a source as it lies on disk. */
export async function* readBytes(
  source: Source,
  observe?: BytesObserver,
): AsyncGenerator<Buffer, void, undefined> {
  const file: Readable =
    source.path === standardInput
      ? process.stdin
      : createReadStream(source.path, { highWaterMark: pieceBytes });
  for await (const bytes of file as AsyncIterable<Buffer>) {
    observe?.(bytes);
    yield bytes;
  }
}

function unpack(source: Source, observe?: BytesObserver): AsyncIterable<Buffer> {
  const bytes = readBytes(source, observe);
  if (!source.gzip) return bytes;
  const gunzip = createGunzip({ chunkSize: pieceBytes });
  // A failure reaches the reader of `gunzip`, which the pipeline destroys with it.
  pipeline(bytes, gunzip).catch((error: unknown) => gunzip.destroy(asError(error)));
  return gunzip;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function explain(error: unknown, source: Source): unknown {
  const code = errorCode(error);
  if (code.startsWith('Z_')) {
    return new UserError(`${source.path}: the gzip data is damaged or cut off.`);
  }
  if (code === 'ENOENT') return new UserError(`There is no file ${JSON.stringify(source.path)}.`);
  if (code === 'EACCES' || code === 'EISDIR') {
    return new UserError(`${source.path} cannot be read: expected a readable file.`);
  }
  return error;
}
