import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { featureFile } from '../../store/file-names.js';
import {
  recordBytes,
  type RowPlace,
  type RowRecord,
  sourceLabel,
  writeRecord,
} from '../../store/row-record.js';
import type { SplitName } from './split.js';

const tokensBuffered = 1 << 16;
const recordBytesBuffered = 96 << 10;

/** Ids of tokens one after the other, and of each of their features as many numbers a token as it has. */
export interface TokenIds {
  readonly ids: Uint32Array;
  readonly features: readonly Uint32Array[];
}

/** Where a piece's share of a split begins. */
export interface SplitPlace {
  readonly row: number;
  readonly token: number;
  /** Of pairs: the first token of their sources. */
  readonly sourceToken?: number;
}

/** Writes a piece's part of a split into the store's files, which are long enough already. */
export class SplitOutput {
  /** Where the next row goes. */
  #row: number;
  #rowCount = 0;
  readonly #tokens: IdFile;
  readonly #tags: IdFile | undefined;
  /** Of the sources of pairs. */
  readonly #sources: IdFile | undefined;
  /** By feature, with how many numbers each token has of it. */
  readonly #features: { file: IdFile; width: number }[];
  readonly #recordBytes: number;
  readonly #records: Buffer;
  readonly #rowsFile: number;

  /**
   * @param hasTags Whether each token has a tag, which is written into a file of its own.
   * @param features How many numbers each token has of each feature, which has a file of its own.
   * @param labelWords Of a row's label.
   */
  constructor(
    dir: string,
    split: SplitName,
    idBytes: 2 | 4,
    place: SplitPlace,
    hasTags = false,
    features: readonly number[] = [],
    labelWords = 1,
  ) {
    this.#row = place.row;
    this.#tokens = new IdFile(join(dir, `${split}.tokens`), idBytes, place.token);
    if (place.sourceToken !== undefined) {
      this.#sources = new IdFile(join(dir, `${split}.source`), idBytes, place.sourceToken);
    }
    this.#tags = hasTags ? new IdFile(join(dir, `${split}.tags`), idBytes, place.token) : undefined;
    this.#features = features.map((width, i) => {
      const path = join(dir, `${split}.${featureFile(i)}`);
      return { file: new IdFile(path, idBytes, width * place.token), width };
    });
    this.#recordBytes = recordBytes(labelWords);
    const buffered = Math.max(1, Math.floor(recordBytesBuffered / this.#recordBytes));
    this.#records = Buffer.alloc(buffered * this.#recordBytes);
    this.#rowsFile = openSync(join(dir, `${split}.rows`), 'r+');
  }

  /** Appends some of the tokens, and of each feature as many. */
  addTokens({ ids, features }: TokenIds, start: number, end: number): void {
    this.#tokens.add(ids, start, end);
    features.forEach((each, feature) => {
      const { file, width } = this.#features[feature]!;
      file.add(each, width * start, width * end);
    });
  }

  /** Appends some of the tokens of a pair's source. */
  addSourceTokens(ids: Uint32Array, start: number, end: number): void {
    this.#sources!.add(ids, start, end);
  }

  /** As many as tokens, in the same order. */
  addTags(ids: Uint32Array, start: number, end: number): void {
    this.#tags!.add(ids, start, end);
  }

  /** Says that a row begins with the next token. */
  beginRow(row: Omit<RowRecord, 'start'>): void {
    if (this.#rowCount * this.#recordBytes === this.#records.length) this.#flushRows();
    const start = this.#tokens.next;
    writeRecord(this.#records, this.#rowCount * this.#recordBytes, { start, ...row });
    this.#rowCount += 1;
  }

  /** Says that a pair begins with the next token of either side. */
  beginPair(place: Omit<RowPlace, 'start'>): void {
    this.beginRow({ label: sourceLabel(this.#sources!.next), ...place });
  }

  close(): void {
    this.#tokens.close();
    this.#tags?.close();
    this.#sources?.close();
    for (const { file } of this.#features) file.close();
    this.#flushRows();
    closeSync(this.#rowsFile);
  }

  #flushRows(): void {
    const bytes = this.#records.subarray(0, this.#rowCount * this.#recordBytes);
    writeAll(this.#rowsFile, bytes, this.#row * this.#recordBytes);
    this.#row += this.#rowCount;
    this.#rowCount = 0;
  }
}

/** A file of ids, written from some place on. */
class IdFile {
  #count = 0;
  readonly #ids: Uint16Array | Uint32Array;
  readonly #file: number;

  /** @param place Of the next id, in ids. */
  constructor(
    path: string,
    idBytes: 2 | 4,
    private place: number,
  ) {
    this.#ids = idBytes === 2 ? new Uint16Array(tokensBuffered) : new Uint32Array(tokensBuffered);
    this.#file = openSync(path, 'r+');
  }

  /** Where the next id goes. */
  get next(): number {
    return this.place + this.#count;
  }

  add(ids: Uint32Array, start: number, end: number): void {
    for (let at = start; at < end;) {
      if (this.#count === tokensBuffered) this.#flush();
      const length = Math.min(end - at, tokensBuffered - this.#count);
      const [into, base] = [this.#ids, this.#count];
      for (let i = 0; i < length; i++) into[base + i] = ids[at + i]!;
      this.#count += length;
      at += length;
    }
  }

  close(): void {
    this.#flush();
    closeSync(this.#file);
  }

  #flush(): void {
    const { BYTES_PER_ELEMENT: width, buffer } = this.#ids;
    writeAll(this.#file, new Uint8Array(buffer, 0, width * this.#count), width * this.place);
    this.place += this.#count;
    this.#count = 0;
  }
}

function writeAll(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(file, bytes, done, bytes.length - done, position + done);
  }
}
