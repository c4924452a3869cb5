import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { recordBytes, type RowRecord, writeRecord } from '../../store/row-record.js';
import type { SplitName } from './split.js';

const tokensBuffered = 1 << 16;
const recordsBuffered = 1 << 12;

/** Writes a piece's part of a split into the store's files, which are long enough already. */
export class SplitOutput {
  /** Where the next token and the next row go. */
  #token: number;
  #row: number;
  #tokenCount = 0;
  #rowCount = 0;
  readonly #tokens: Uint16Array | Uint32Array;
  readonly #records = Buffer.alloc(recordsBuffered * recordBytes);
  readonly #tokensFile: number;
  readonly #rowsFile: number;

  constructor(
    dir: string,
    split: SplitName,
    idBytes: 2 | 4,
    place: { readonly row: number; readonly token: number },
  ) {
    this.#token = place.token;
    this.#row = place.row;
    this.#tokens =
      idBytes === 2 ? new Uint16Array(tokensBuffered) : new Uint32Array(tokensBuffered);
    this.#tokensFile = openSync(join(dir, `${split}.tokens`), 'r+');
    this.#rowsFile = openSync(join(dir, `${split}.rows`), 'r+');
  }

  addTokens(ids: Uint32Array, start: number, end: number): void {
    for (let at = start; at < end;) {
      if (this.#tokenCount === tokensBuffered) this.#flushTokens();
      const length = Math.min(end - at, tokensBuffered - this.#tokenCount);
      const [tokens, base] = [this.#tokens, this.#tokenCount];
      for (let i = 0; i < length; i++) tokens[base + i] = ids[at + i]!;
      this.#tokenCount += length;
      at += length;
    }
  }

  /** Says that a row begins with the next token. */
  beginRow(row: Omit<RowRecord, 'start'>): void {
    if (this.#rowCount === recordsBuffered) this.#flushRows();
    const start = this.#token + this.#tokenCount;
    writeRecord(this.#records, this.#rowCount * recordBytes, { start, ...row });
    this.#rowCount += 1;
  }

  close(): void {
    this.#flushTokens();
    this.#flushRows();
    closeSync(this.#tokensFile);
    closeSync(this.#rowsFile);
  }

  #flushTokens(): void {
    const { BYTES_PER_ELEMENT: width, buffer } = this.#tokens;
    writeAll(
      this.#tokensFile,
      new Uint8Array(buffer, 0, width * this.#tokenCount),
      width * this.#token,
    );
    this.#token += this.#tokenCount;
    this.#tokenCount = 0;
  }

  #flushRows(): void {
    const bytes = this.#records.subarray(0, this.#rowCount * recordBytes);
    writeAll(this.#rowsFile, bytes, this.#row * recordBytes);
    this.#row += this.#rowCount;
    this.#rowCount = 0;
  }
}

function writeAll(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(file, bytes, done, bytes.length - done, position + done);
  }
}
