import { endianness } from 'node:os';
import { dirname, join } from 'node:path';
import { UserError } from '../../errors.js';
import { CheckedFile, closeChecked, openChecked, type OpenFile } from './checked-file.js';
import { featureFile } from './file-names.js';
import type { FileManifest, SplitManifest } from './manifest.js';
import type { RowArrays, StoreVocabulary, TokenStore } from './token-rows.js';
import {
  readLabel,
  readRecord,
  readSourceStart,
  recordBytes,
  type RowPlace,
  SOURCE_WORDS,
} from './row-record.js';

export type { RowArrays, StoreVocabulary, TokenStore } from './token-rows.js';

/** What another thread needs to read the same store. */
export interface StoreFiles {
  readonly manifest: SplitManifest;
  readonly idBytes: 2 | 4;
  readonly tokensFile: OpenFile;
  /** Where tokens have tags. */
  readonly tagsFile?: OpenFile;
  /** Of the sources of pairs. */
  readonly sourceFile?: OpenFile;
  /** By feature of tokens. */
  readonly featureFiles: readonly OpenFile[];
  readonly rowsFile: OpenFile;
}

/**
 * Opens a split of the store in `dir`.
 *
 * @param finalDir Where the store will be: the directory in messages.
 * @throws UserError when a file is missing or not as long as the manifest says.
 */
export function openTokenStore(
  dir: string,
  split: string,
  manifest: SplitManifest,
  idBytes: 2 | 4,
  finalDir = dir,
  vocabulary?: StoreVocabulary,
): FileTokenStore {
  if (endianness() !== 'LE') throw new UserError('Token stores need a little-endian machine.');
  const openPart = (name: string, part: FileManifest): OpenFile =>
    openChecked(join(dir, name), part, join(finalDir, name));
  const opened: OpenFile[] = [];
  const open = (kind: string, part: FileManifest): OpenFile => {
    const file = openPart(`${split}.${kind}`, part);
    opened.push(file);
    return file;
  };
  try {
    const tokensFile = open('tokens', manifest.tokensFile);
    const rowsFile = open('rows', manifest.rowsFile);
    const tagsFile = manifest.tagsFile && open('tags', manifest.tagsFile);
    const sourceFile = manifest.source && open('source', manifest.source.file);
    const featureFiles = (manifest.featureFiles ?? []).map((each, i) => open(featureFile(i), each));
    const files = {
      ...{ manifest, idBytes, tokensFile, rowsFile, featureFiles },
      ...(tagsFile && { tagsFile }),
      ...(sourceFile && { sourceFile }),
    };
    return new FileTokenStore(files, vocabulary);
  } catch (error) {
    opened.forEach(closeChecked);
    throw error;
  }
}

/**
 * A store on disk; a few blocks of it are kept in memory.
 *
 * Reads block the calling thread: one from the page cache takes about a microsecond, where an asynchronous one
 * takes ten of processor time. Whoever must not wait for the disk reads on a thread of its own (`readAhead`).
 */
export class FileTokenStore implements TokenStore {
  readonly rows: number;
  readonly tokens: number;
  readonly longestRow: number;
  #closed: Promise<void> | undefined;
  readonly #readers = new Set<{ close(): Promise<void> }>();
  readonly labelWords: number;
  readonly source: TokenStore['source'];
  /** Words between where a row's tokens begin and where it comes from. */
  readonly #recordWords: number;
  // A row's own record and the next one, whose start is the row's end.
  readonly #records: Buffer;
  readonly #tokensFile: CheckedFile;
  readonly #rowsFile: CheckedFile;
  readonly #tagsFile: CheckedFile | undefined;
  readonly #sourceFile: CheckedFile | undefined;
  /** With how many numbers each token has there. */
  readonly #featureFiles: { file: CheckedFile; width: number }[];

  constructor(
    readonly files: StoreFiles,
    readonly vocabulary?: StoreVocabulary,
  ) {
    this.#tokensFile = new CheckedFile(files.tokensFile);
    this.#rowsFile = new CheckedFile(files.rowsFile);
    this.#tagsFile = files.tagsFile && new CheckedFile(files.tagsFile);
    this.#sourceFile = files.sourceFile && new CheckedFile(files.sourceFile);
    this.source = files.manifest.source;
    const bytes = files.manifest.tokens * files.idBytes;
    this.#featureFiles = files.featureFiles.map((file, i) => ({
      file: new CheckedFile(file),
      width: files.manifest.featureFiles![i]!.bytes / bytes,
    }));
    this.rows = files.manifest.rows;
    this.tokens = files.manifest.tokens;
    this.longestRow = files.manifest.longestRow;
    this.labelWords = files.manifest.labelWords ?? 1;
    this.#recordWords = this.source ? SOURCE_WORDS : this.labelWords;
    this.#records = Buffer.alloc(2 * recordBytes(this.#recordWords));
  }

  readRows(rows: ArrayLike<number>, into: RowArrays): Promise<void> {
    const words = this.labelWords;
    return this.#read(() => {
      if (into.rowStart.length <= rows.length || into.labels.length < rows.length * words) {
        throw new RangeError(`${rows.length} rows do not fit into the given arrays`);
      }
      if (into.source && into.source.rowStart.length <= rows.length) {
        throw new RangeError(`the sources of ${rows.length} rows do not fit into the given arrays`);
      }
      let [at, sourceAt] = [0, 0];
      for (let i = 0; i < rows.length; i++) {
        const { start, end } = this.#readRecord(rows[i]!);
        into.rowStart[i] = at;
        if (into.source) {
          into.source.rowStart[i] = sourceAt;
          sourceAt += this.#readSource(into.source.tokens, sourceAt);
        } else readLabel(this.#records, 0, words, into.labels, i * words);
        this.#readIds(this.#tokensFile, start, end - start, into.tokens, at);
        if (this.#tagsFile && into.targets) {
          this.#readIds(this.#tagsFile, start, end - start, into.targets, at);
        }
        this.#readFeatures(start, end - start, into.features, at);
        at += end - start;
      }
      into.rowStart[rows.length] = at;
      if (into.source) into.source.rowStart[rows.length] = sourceAt;
    });
  }

  readLengths(rows: ArrayLike<number>, into: Int32Array, sources?: Int32Array): Promise<void> {
    return this.#read(() => {
      for (let i = 0; i < rows.length; i++) {
        const { start, end } = this.#readRecord(rows[i]!);
        if (sources) sources[i] = this.#sourceEnd() - readSourceStart(this.#records, 0);
        into[i] = end - start;
      }
    });
  }

  readTokens(
    start: number,
    count: number,
    into: Int32Array,
    at: number,
    features?: readonly Int32Array[],
  ): Promise<void> {
    return this.#read(() => {
      this.#readIds(this.#tokensFile, start, count, into, at);
      this.#readFeatures(start, count, features, at);
    });
  }

  locate(row: number): Promise<{ source: number; row: number }> {
    return this.#read(() => {
      const record = this.#readRecord(row);
      return { source: record.source, row: record.row };
    });
  }

  /** Has a reader of the files closed before they are. */
  attach(reader: { close(): Promise<void> }): void {
    this.#readers.add(reader);
  }

  /** Once: the descriptors may be another file's a moment later. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  /** @throws UserError when the store has been closed */
  #read<T>(run: () => T): Promise<T> {
    return settle(() => {
      if (this.#closed === undefined) return run();
      const dir = dirname(this.files.tokensFile.path);
      throw new UserError(`${dir}: the token store has been closed; open it again to read it`);
    });
  }

  async #close(): Promise<void> {
    for (const reader of this.#readers) await reader.close();
    closeChecked(this.files.tokensFile);
    closeChecked(this.files.rowsFile);
    if (this.files.tagsFile) closeChecked(this.files.tagsFile);
    if (this.files.sourceFile) closeChecked(this.files.sourceFile);
    this.files.featureFiles.forEach(closeChecked);
  }

  /** Its label stays where the record was read. */
  #readRecord(row: number): RowPlace & { end: number } {
    if (!(row >= 0 && row < this.rows)) throw new RangeError(`there is no row ${row}`);
    const words = this.#recordWords;
    this.#rowsFile.read(this.#records, row * recordBytes(words));
    const record = readRecord(this.#records, 0, words);
    return { ...record, end: readRecord(this.#records, recordBytes(words), words).start };
  }

  /** Of the row whose record was read last: where the tokens of its source end. */
  #sourceEnd(): number {
    return readSourceStart(this.#records, recordBytes(this.#recordWords));
  }

  /** Reads the source of the row whose record was read last; gives how many tokens it has. */
  #readSource(into: Int32Array, at: number): number {
    const start = readSourceStart(this.#records, 0);
    const count = this.#sourceEnd() - start;
    this.#readIds(this.#sourceFile!, start, count, into, at, 1, this.source!.tokens);
    return count;
  }

  #readFeatures(
    start: number,
    count: number,
    into: readonly Int32Array[] | undefined,
    at: number,
  ): void {
    if (into === undefined) return;
    for (let i = 0; i < into.length; i++) {
      const { file, width } = this.#featureFiles[i]!;
      this.#readIds(file, start, count, into[i]!, at, width);
    }
  }

  /**
   * @param width numbers of a token
   * @param tokens of all rows
   */
  #readIds(
    file: CheckedFile,
    start: number,
    count: number,
    into: Int32Array,
    at: number,
    width = 1,
    tokens = this.tokens,
  ): void {
    if (start < 0 || start + count > tokens || (at + count) * width > into.length) {
      throw new RangeError(
        `tokens ${start} to ${start + count} are not in the store or do not fit`,
      );
    }
    const { idBytes } = this.files;
    const [first, ids] = [at * width, count * width];
    const bytes = ids * idBytes;
    // Short ids are read into the upper half of their place and widened forwards from there: each
    // is read before its own place is written.
    const end = into.byteOffset + 4 * (first + ids);
    const target = new Uint8Array(into.buffer, end - bytes, bytes);
    file.read(target, start * width * idBytes);
    if (idBytes === 4) return;
    const short = new Uint16Array(into.buffer, end - bytes, ids);
    for (let i = 0; i < ids; i++) into[first + i] = short[i]!;
  }
}

/** What a function returns or throws, as a promise that is settled already. */
function settle<T>(run: () => T): Promise<T> {
  return new Promise((resolve) => resolve(run()));
}
