import { type FileHandle, open } from 'node:fs/promises';
import { type FileMetaData, parquetMetadata } from 'hyparquet';
import { UserError } from '../../../errors.js';
import type { ColumnKey } from '../columns.js';
import { DamagedParquet, measureStruct, requireCount } from './parquet-checks.js';
import type { ListEntry } from './parquet-lists.js';
import { type Chunk, type Page, readPages, readRange } from './parquet-pages.js';
import { listLeaves, type ParquetColumn, type ParquetNode, readSchema } from './parquet-schema.js';
import type { ToText } from './parquet-text.js';
import { PageDecoder } from './parquet-values.js';
import { type BytesObserver, explainReading } from '../../input/source-text.js';
import { listNames, suggest } from '../../input/names.js';

/** A Parquet file by its row groups, read by position. */

/** Metadata take some ten times their size when they are read. */
const largestMetadata = 2 ** 24;
const magic = 0x31524150;

export class ParquetFile {
  readonly #metadata: FileMetaData;
  /** The columns as they lie within each other. */
  readonly schema: readonly ParquetNode[];
  readonly #columns: readonly ParquetColumn[];
  readonly #file: FileHandle;

  private constructor(
    readonly path: string,
    metadata: FileMetaData,
    file: FileHandle,
  ) {
    this.#metadata = metadata;
    this.schema = readSchema(metadata);
    this.#columns = this.schema.flatMap(listLeaves);
    this.#file = file;
  }

  /** @throws UserError for a file that cannot be read or is no Parquet. */
  static async open(path: string): Promise<ParquetFile> {
    let file: FileHandle | undefined;
    try {
      file = await open(path);
      return new ParquetFile(path, await readMetadata(file), file);
    } catch (error) {
      await file?.close();
      throw explain(error, path, `${path} is no Parquet file or is damaged`);
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /**
   * Looks up a column by its name, or its path through structs, joined by dots.
   *
   * @param key The option that names it.
   * @throws UserError when there is none, more than one, or one that has not one value for each row.
   */
  findColumn(name: string, key: ColumnKey): ParquetColumn {
    const named = this.#columns.filter(({ path }) => path.join('.') === name);
    const whole = named.filter(({ path }) => path.length === 1);
    const found = whole.length > 0 ? whole : named;
    const [leaf, other] = found;
    if (other !== undefined) {
      throw new UserError(
        `${this.path} has ${found.length} columns ${JSON.stringify(name)}: expected different names.`,
      );
    }
    if (leaf === undefined) {
      const isOuter = this.schema.some(
        ({ path, children }) => path[0] === name && children.some(isRepeated),
      );
      if (isOuter) throw this.#refuseList(name);
      const names = this.plainColumns.map(({ path }) => path.join('.'));
      throw new UserError(
        `${this.path} has no column ${JSON.stringify(name)}${suggest(names, name)}; its columns are ${listNames(names)}: set ${key} to the one that is meant.`,
      );
    }
    if (leaf.maxRepetition > 0) throw this.#refuseList(name);
    return leaf;
  }

  #refuseList(name: string): UserError {
    return new UserError(
      `${this.path}: the column ${JSON.stringify(name)} is a list: expected one value in each row; of task multi-label the labels may be a list of strings.`,
    );
  }

  /** The columns that have one value for each row. */
  get plainColumns(): readonly ParquetColumn[] {
    return this.#columns.filter(({ maxRepetition }) => maxRepetition === 0);
  }

  /** Number of row groups. */
  get groups(): number {
    return this.#metadata.row_groups.length;
  }

  /** Number of rows of a row group, as the file says. */
  rowsOf(group: number): number {
    return Number(this.#metadata.row_groups[group]!.num_rows);
  }

  /** Bytes of a row group's values before compression, as the file says. */
  bytesOf(group: number): number {
    return Number(this.#metadata.row_groups[group]!.total_byte_size);
  }

  /**
   * Reads the texts of a column of a row group, those of one page at a time.
   *
   * @throws UserError that names file, row group and column when the data is damaged.
   */
  readColumn(
    group: number,
    column: ParquetColumn,
    toText: ToText,
    observe?: BytesObserver,
  ): AsyncGenerator<(string | null)[], void, undefined> {
    const read = (pages: AsyncIterable<Page>): AsyncIterable<(string | null)[]> =>
      new PageDecoder(column, toText).readValues(pages);
    return this.#readRows(group, column, read, observe);
  }

  /** As `readColumn`, for a column within a list: the entries of each row. */
  readLists(
    group: number,
    column: ParquetColumn,
    toText: ToText,
    observe?: BytesObserver,
  ): AsyncGenerator<ListEntry[][], void, undefined> {
    const read = (pages: AsyncIterable<Page>): AsyncIterable<ListEntry[][]> =>
      new PageDecoder(column, toText).readLists(pages);
    return this.#readRows(group, column, read, observe);
  }

  async *#readRows<T>(
    group: number,
    column: ParquetColumn,
    read: (pages: AsyncIterable<Page>) => AsyncIterable<T[]>,
    observe: BytesObserver | undefined,
  ): AsyncGenerator<T[], void, undefined> {
    try {
      let left = this.rowsOf(group);
      const pages = readPages(this.#file, this.#findChunk(group, column), observe);
      for await (const rows of read(pages)) {
        left -= rows.length;
        if (left < 0) throw new DamagedParquet('it has more values than the row group has rows');
        if (rows.length > 0) yield rows;
      }
      if (left > 0) throw new DamagedParquet('it has fewer values than the row group has rows');
    } catch (error) {
      throw this.explainDamage(error, group, column);
    }
  }

  /** Names the column of a row group that an error arose in. */
  explainDamage(error: unknown, group: number, { path }: Pick<ParquetColumn, 'path'>): unknown {
    const name = JSON.stringify(path.join('.'));
    const what = `${this.path}, row group ${group + 1}, column ${name} is damaged`;
    return explain(error, this.path, what);
  }

  #findChunk(group: number, column: ParquetColumn): Chunk {
    const path = JSON.stringify(column.path);
    const chunk = this.#metadata.row_groups[group]!.columns.find(
      ({ meta_data: each }) => each !== undefined && JSON.stringify(each.path_in_schema) === path,
    );
    const found = chunk?.meta_data;
    if (found === undefined) throw new DamagedParquet('it is not there, or it is encrypted');
    if (chunk?.file_path !== undefined) throw new DamagedParquet('it lies in another file');
    if (found.type !== column.element.type) throw new DamagedParquet('its type is contradictory');
    const rows = this.#metadata.row_groups[group]!.num_rows;
    if (column.maxRepetition === 0 && found.num_values !== rows) {
      throw new DamagedParquet(`it says that it has ${found.num_values} values in ${rows} rows`);
    }
    const most = Number.MAX_SAFE_INTEGER;
    const data = requireCount(found.data_page_offset, most, 'the place of its pages');
    const dictionary = requireCount(
      found.dictionary_page_offset ?? 0n,
      most,
      'the place of its pages',
    );
    const start = dictionary > 0 ? Math.min(data, dictionary) : data;
    const length = requireCount(found.total_compressed_size, most, 'its size');
    return { start, end: start + length, codec: found.codec };
  }
}

function isRepeated({ element, children }: ParquetNode): boolean {
  return element.repetition_type === 'REPEATED' || children.some(isRepeated);
}

async function readMetadata(file: FileHandle): Promise<FileMetaData> {
  const { size } = await file.stat();
  if (size < 12) throw new DamagedParquet('it has too few bytes');
  const end = await readRange(file, size - 8, 8);
  if (end.readUInt32LE(4) !== magic) throw new DamagedParquet('it does not end with "PAR1"');
  const start = await readRange(file, 0, 4);
  if (start.readUInt32LE(0) !== magic) throw new DamagedParquet('it does not begin with "PAR1"');
  const most = Math.min(size - 8, largestMetadata);
  const length = requireCount(end.readUInt32LE(0), most, 'the size of its metadata');
  const bytes = await readRange(file, size - 8 - length, length + 8);
  if (measureStruct(bytes.subarray(0, length)) === undefined) {
    throw new DamagedParquet('its metadata are cut off');
  }
  const metadata = parquetMetadata(bytes, { geoparquet: false });
  const mostRows = Number.MAX_SAFE_INTEGER;
  let rows = 0;
  for (const group of metadata.row_groups) {
    rows += requireCount(group.num_rows, mostRows, 'the number of rows of a row group');
  }
  const total = requireCount(metadata.num_rows, mostRows, 'the number of rows');
  if (total !== rows) {
    throw new DamagedParquet(`it says that it has ${total} rows, but its row groups have ${rows}`);
  }
  return metadata;
}

/**
 * Says what is wrong with a file; what a decoder made of the damage is for the cause only, unless it
 * was noticed here.
 */
function explain(error: unknown, path: string, what: string): unknown {
  const explained = explainReading(error, path);
  if (explained instanceof UserError || !(error instanceof Error)) return explained;
  const detail = error instanceof DamagedParquet ? `: ${error.message}` : '';
  return new UserError(`${what}${detail}.`, { cause: error });
}
