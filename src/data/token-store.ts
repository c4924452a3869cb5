import { type FileHandle, open } from 'node:fs/promises';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../errors.js';
import { errorCode } from './error-code.js';
import type { SplitManifest } from './manifest.js';
import { readRecord, recordBytes, type RowRecord } from './row-record.js';

/** One split of a prepared corpus on disk, read by position; nothing of it is kept in memory. */
export interface TokenStore {
  readonly rows: number;
  readonly tokens: number;
  /** Tokens of the longest row. */
  readonly longestRow: number;
  /**
   * Reads rows in the given order: their tokens one after the other, where each begins and, at
   * `rowStart[rows.length]`, where the last ends, and their labels (-1 without).
   *
   * @throws RangeError when a row does not exist or does not fit.
   */
  readRows(rows: ArrayLike<number>, into: RowArrays): Promise<void>;
  /**
   * Reads `count` tokens from position `start` of all rows laid one after the other.
   *
   * @throws RangeError when there are fewer or they do not fit behind `at`.
   */
  readTokens(start: number, count: number, into: Int32Array, at: number): Promise<void>;
  /** Where a row comes from: its source (index into the manifest's) and its number there, from 1. */
  locate(row: number): Promise<{ source: number; row: number }>;
  close(): Promise<void>;
}

export interface RowArrays {
  readonly tokens: Int32Array;
  /** At least one longer than the number of rows. */
  readonly rowStart: Int32Array;
  readonly labels: Int32Array;
}

/**
 * Opens a split of the store in `dir`.
 *
 * @throws UserError when a file is missing or not as long as the manifest says.
 */
export async function openTokenStore(
  dir: string,
  split: string,
  manifest: SplitManifest,
  idBytes: 2 | 4,
): Promise<TokenStore> {
  if (endianness() !== 'LE') throw new UserError('Token stores need a little-endian machine.');
  const tokensFile = await openFile(join(dir, `${split}.tokens`), manifest.tokensFile.bytes);
  try {
    const rowsFile = await openFile(join(dir, `${split}.rows`), manifest.rowsFile.bytes);
    return new FileTokenStore(manifest, idBytes, tokensFile, rowsFile);
  } catch (error) {
    await tokensFile.close();
    throw error;
  }
}

async function openFile(path: string, bytes: number): Promise<FileHandle> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') throw new UserError(`The token store lacks its file ${path}.`);
    throw error;
  });
  const { size } = await file.stat();
  if (size === bytes) return file;
  await file.close();
  throw new UserError(`${path}: expected ${bytes} bytes as in the manifest, found ${size}.`);
}

class FileTokenStore implements TokenStore {
  readonly rows: number;
  readonly tokens: number;
  readonly longestRow: number;
  readonly #idBytes: 2 | 4;
  readonly #tokensFile: FileHandle;
  readonly #rowsFile: FileHandle;

  constructor(manifest: SplitManifest, idBytes: 2 | 4, tokensFile: FileHandle, rows: FileHandle) {
    this.rows = manifest.rows;
    this.tokens = manifest.tokens;
    this.longestRow = manifest.longestRow;
    this.#idBytes = idBytes;
    this.#tokensFile = tokensFile;
    this.#rowsFile = rows;
  }

  async readRows(rows: ArrayLike<number>, into: RowArrays): Promise<void> {
    if (into.rowStart.length <= rows.length || into.labels.length < rows.length) {
      throw new RangeError(`${rows.length} rows do not fit into the given arrays`);
    }
    const records = await Promise.all(Array.from(rows, (row) => this.#readRecord(row)));
    let at = 0;
    records.forEach(({ start, end, label }, i) => {
      into.rowStart[i] = at;
      into.labels[i] = label;
      at += end - start;
    });
    into.rowStart[rows.length] = at;
    await Promise.all(
      records.map(({ start, end }, i) =>
        this.readTokens(start, end - start, into.tokens, into.rowStart[i]!),
      ),
    );
  }

  async readTokens(start: number, count: number, into: Int32Array, at: number): Promise<void> {
    if (start < 0 || start + count > this.tokens || at + count > into.length) {
      throw new RangeError(`tokens ${start} to ${start + count} are not in the store or do not fit`);
    }
    const bytes = count * this.#idBytes;
    // Short ids are read into the upper half of their place and widened forwards from there: each
    // is read before its own place is written.
    const end = into.byteOffset + 4 * (at + count);
    const target = new Uint8Array(into.buffer, end - bytes, bytes);
    await readFully(this.#tokensFile, target, start * this.#idBytes);
    if (this.#idBytes === 4) return;
    const short = new Uint16Array(into.buffer, end - bytes, count);
    for (let i = 0; i < count; i++) into[at + i] = short[i]!;
  }

  async locate(row: number): Promise<{ source: number; row: number }> {
    const record = await this.#readRecord(row);
    return { source: record.source, row: record.row };
  }

  async close(): Promise<void> {
    await this.#tokensFile.close();
    await this.#rowsFile.close();
  }

  async #readRecord(row: number): Promise<RowRecord & { end: number }> {
    if (!(row >= 0 && row < this.rows)) throw new RangeError(`there is no row ${row}`);
    const bytes = Buffer.allocUnsafe(2 * recordBytes);
    await readFully(this.#rowsFile, bytes, row * recordBytes);
    return { ...readRecord(bytes, 0), end: readRecord(bytes, recordBytes).start };
  }
}

async function readFully(file: FileHandle, into: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) throw new UserError('The token store was cut off while it was read.');
    done += bytesRead;
  }
}
