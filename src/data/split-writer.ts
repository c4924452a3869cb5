import { join } from 'node:path';
import type { SplitManifest } from './manifest.js';
import { recordBytes, writeRecord } from './row-record.js';
import { StoreFile } from './store-file.js';

/** Writes one split of a token store, row by row. */
export class SplitWriter {
  rows = 0;
  tokens = 0;
  #longestRow = 0;
  #rowStart = 0;
  readonly #idBytes: 2 | 4;
  readonly #tokensFile: StoreFile;
  readonly #rowsFile: StoreFile;

  private constructor(idBytes: 2 | 4, tokensFile: StoreFile, rowsFile: StoreFile) {
    this.#idBytes = idBytes;
    this.#tokensFile = tokensFile;
    this.#rowsFile = rowsFile;
  }

  static async create(dir: string, split: string, idBytes: 2 | 4): Promise<SplitWriter> {
    const tokensFile = await StoreFile.create(join(dir, `${split}.tokens`));
    return new SplitWriter(idBytes, tokensFile, await StoreFile.create(join(dir, `${split}.rows`)));
  }

  /** Appends token ids to the row that is being written. */
  appendTokens(ids: readonly number[]): void {
    const width = this.#idBytes;
    this.#tokensFile.append(ids.length * width, ({ buffer }, at) => {
      if (width === 2) new Uint16Array(buffer, at, ids.length).set(ids);
      else new Uint32Array(buffer, at, ids.length).set(ids);
    });
    this.tokens += ids.length;
  }

  /**
   * Ends the row.
   *
   * @param label Class id, -1 without.
   * @param source Index of the source in the manifest.
   * @param row Number of the row in its source, from 1.
   */
  endRow(label: number, source: number, row: number): void {
    this.#appendRecord(label, source, row);
    this.rows += 1;
    this.#longestRow = Math.max(this.#longestRow, this.tokens - this.#rowStart);
    this.#rowStart = this.tokens;
  }

  /** Whether the row that is being written has no token yet. */
  get rowIsEmpty(): boolean {
    return this.tokens === this.#rowStart;
  }

  /** Lets what was appended go to the files; call every few hundred kilobytes. */
  async flush(): Promise<void> {
    await this.#tokensFile.flush();
    await this.#rowsFile.flush();
  }

  /** Closes the last row and the files, on disk. */
  async finish(): Promise<SplitManifest> {
    this.#appendRecord(0, 0, 0);
    return {
      rows: this.rows,
      tokens: this.tokens,
      longestRow: this.#longestRow,
      tokensFile: await this.#tokensFile.finish(),
      rowsFile: await this.#rowsFile.finish(),
    };
  }

  async abandon(): Promise<void> {
    await this.#tokensFile.abandon();
    await this.#rowsFile.abandon();
  }

  #appendRecord(label: number, source: number, row: number): void {
    this.#rowsFile.append(recordBytes, (buffer, at) =>
      writeRecord(buffer, at, { start: this.#rowStart, label, source, row }),
    );
  }
}
