import { DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { readDataPage } from 'hyparquet/src/datapage.js';
import { deltaBinaryUnpack } from 'hyparquet/src/delta.js';
import { readRleBitPackedHybrid } from 'hyparquet/src/encoding.js';
import { readPlain } from 'hyparquet/src/plain.js';
import { checkDeltas, checkRuns, DamagedParquet } from './parquet-checks.js';
import { type ListEntry, splitWhere } from './parquet-lists.js';
import type { Page } from './parquet-pages.js';
import type { ParquetColumn } from './parquet-schema.js';
import type { ToText } from './parquet-text.js';

/** From a page's bytes to values, by hyparquet, once the bytes are known to be sound, and to texts. */

/** What hyparquet is to know of a column. */
type Decoder = Parameters<typeof readDataPage>[2];

/** Decodes the pages of one column chunk, in their order. */
export class PageDecoder {
  readonly #column: ParquetColumn;
  readonly #toText: ToText;
  readonly #decoder: Decoder;
  #dictionary: readonly string[] | undefined;

  constructor(column: ParquetColumn, toText: ToText) {
    this.#column = column;
    this.#toText = toText;
    const { type } = column.element;
    if (type === undefined) throw new DamagedParquet('a column has no type');
    this.#decoder = {
      pathInSchema: [...column.path],
      type,
      element: column.element,
      // Levels are read here, so that to hyparquet every value seems to be required.
      schemaPath: [],
      codec: 'UNCOMPRESSED',
      parsers: DEFAULT_PARSERS,
    };
  }

  /** The text of the value of each row, null where there is none; those of a page at a time. */
  async *readValues(
    pages: AsyncIterable<Page>,
  ): AsyncGenerator<(string | null)[], void, undefined> {
    for await (const page of pages) {
      if (page.kind === 'dictionary') {
        this.#readDictionary(page);
        continue;
      }
      if (page.rows !== undefined && page.rows !== page.values) {
        throw new DamagedParquet('a page has not one value in each row');
      }
      const { definitions, start } = readLevels(page, this.#column);
      yield this.#decodeData(page, definitions, start);
    }
  }

  /** The entries of each row, for a column within a list. A row may go on in the next page. */
  async *readLists(pages: AsyncIterable<Page>): AsyncGenerator<ListEntry[][], void, undefined> {
    let open: ListEntry[] = [];
    for await (const page of pages) {
      if (page.kind === 'dictionary') {
        this.#readDictionary(page);
        continue;
      }
      const rows = splitWhere([...open, ...this.#decodeList(page)], (level) => level === 0);
      open = rows.pop() ?? [];
      if (rows.length > 0) yield rows;
    }
    if (open.length > 0) yield [open];
  }

  #decodeList(page: Page): ListEntry[] {
    const { maxDefinition } = this.#column;
    const { repetitions, definitions, start } = readLevels(page, this.#column);
    const rows = repetitions?.filter((level) => level === 0).length ?? page.values;
    if (page.rows !== undefined && page.rows !== rows) {
      throw new DamagedParquet('a page has not the rows that its header says');
    }
    return this.#decodeData(page, definitions, start).map((text, i) => ({
      repetition: repetitions?.[i] ?? 0,
      definition: definitions?.[i] ?? maxDefinition,
      text,
    }));
  }

  #readDictionary(page: Page): void {
    const { type, element } = this.#decoder;
    checkPlain(page.bytes, type, page.values, element.type_length);
    const values = readPlain(openReader(page.bytes), type, page.values, element.type_length);
    this.#dictionary = Array.from(values, this.#toText);
  }

  #decodeData(
    page: Page,
    definitions: readonly number[] | undefined,
    start: number,
  ): (string | null)[] {
    const present = definitions?.map((level) => level === this.#column.maxDefinition);
    const count = present === undefined ? page.values : present.filter(Boolean).length;
    if (page.nulls !== undefined && page.nulls !== page.values - count) {
      throw new DamagedParquet('a page has not the number of nulls that its header says');
    }
    const values = count === 0 ? [] : this.#decodeValues(page, page.bytes.subarray(start), count);
    if (present === undefined) return values;
    let next = 0;
    return present.map((isPresent) => (isPresent ? values[next++]! : null));
  }

  #decodeValues({ encoding }: Page, bytes: Uint8Array, count: number): string[] {
    const isDictionary = encoding.endsWith('_DICTIONARY');
    if (isDictionary && this.#dictionary === undefined) {
      throw new DamagedParquet('a page has no dictionary');
    }
    const { type, element } = this.#decoder;
    checkValues(bytes, encoding, count, type, element.type_length);
    const header = {
      num_values: count,
      encoding: encoding as Parameters<typeof readDataPage>[1]['encoding'],
      definition_level_encoding: 'RLE',
      repetition_level_encoding: 'RLE',
    } as const;
    const { dataPage } = readDataPage(bytes, header, this.#decoder);
    const dictionary = this.#dictionary;
    const texts =
      isDictionary && dictionary !== undefined
        ? Array.from(dataPage as ArrayLike<number>, (place) => dictionary[place])
        : Array.from(dataPage as ArrayLike<unknown>, (value) =>
            value === undefined ? undefined : this.#toText(value),
          );
    if (texts.length !== count || texts.includes(undefined)) {
      throw new DamagedParquet('a page has fewer values than its header says');
    }
    return texts as string[];
  }
}

/** The levels of a page's values (undefined: all are whole, each a row of its own), and where the values begin. */
function readLevels(
  page: Page,
  { maxRepetition, maxDefinition }: ParquetColumn,
): { repetitions?: number[]; definitions?: number[]; start: number } {
  const repeated = readLevel(page, maxRepetition, 0, page.levels?.start);
  const defined = readLevel(page, maxDefinition, repeated.end, page.levels?.end);
  return {
    ...(repeated.found && { repetitions: repeated.found }),
    ...(defined.found && { definitions: defined.found }),
    start: defined.end,
  };
}

/** @param end Where they end; absent where they begin with their length. */
function readLevel(
  { values, bytes }: Page,
  most: number,
  at: number,
  end: number | undefined,
): { found?: number[]; end: number } {
  if (most === 0) return { end: end ?? at };
  const start = end === undefined ? at + 4 : at;
  const stop = end ?? start + openReader(bytes).view.getUint32(at, true);
  if (stop > bytes.length) throw new DamagedParquet('the levels of a page are cut off');
  const bitWidth = 32 - Math.clz32(most);
  checkRuns(bytes, start, stop, bitWidth, values);
  const found = new Array<number>(values);
  readRleBitPackedHybrid({ ...openReader(bytes), offset: start }, bitWidth, found, stop - start);
  return { found, end: stop };
}

function checkValues(
  bytes: Uint8Array,
  encoding: string,
  count: number,
  type: string,
  fixedLength: number | undefined,
): void {
  switch (encoding) {
    case 'PLAIN':
      checkPlain(bytes, type, count, fixedLength);
      return;
    case 'BYTE_STREAM_SPLIT':
      requireLength(bytes, count * widthOf(type, fixedLength));
      return;
    case 'PLAIN_DICTIONARY':
    case 'RLE_DICTIONARY':
      checkRuns(bytes, 1, bytes.length, openReader(bytes).view.getUint8(0), count);
      return;
    case 'RLE':
      if (type !== 'BOOLEAN') throw new DamagedParquet('a page is encoded by RLE');
      checkRuns(bytes, 4, bytes.length, 1, count);
      return;
    case 'DELTA_BINARY_PACKED':
    case 'DELTA_LENGTH_BYTE_ARRAY':
      checkDeltas(bytes, 0, count);
      return;
    case 'DELTA_BYTE_ARRAY':
      checkPrefixes(bytes, count);
      return;
    default:
      throw new DamagedParquet(`a page is encoded by ${encoding}`);
  }
}

/** hyparquet reads values from wherever they would lie, also behind the page. */
function checkPlain(
  bytes: Uint8Array,
  type: string,
  count: number,
  fixedLength: number | undefined,
): void {
  if (type === 'BOOLEAN') {
    requireLength(bytes, Math.ceil(count / 8));
  } else if (type === 'BYTE_ARRAY') {
    const { view } = openReader(bytes);
    let at = 0;
    for (let i = 0; i < count && at <= bytes.length - 4; i++) at += 4 + view.getUint32(at, true);
    requireLength(bytes, at);
  } else {
    requireLength(bytes, count * widthOf(type, fixedLength));
  }
}

function widthOf(type: string, fixedLength: number | undefined): number {
  if (type === 'FIXED_LEN_BYTE_ARRAY') return fixedLength ?? 0;
  return type === 'INT96' ? 12 : type === 'INT64' || type === 'DOUBLE' ? 8 : 4;
}

function requireLength(bytes: Uint8Array, length: number): void {
  if (bytes.length === length) return;
  throw new DamagedParquet('a page has not the values that its header says');
}

const longestPage = 2 ** 27;

/** Each value repeats the start of the one before it: together they must not outgrow a page. */
function checkPrefixes(bytes: Uint8Array, count: number): void {
  const middle = checkDeltas(bytes, 0, count);
  checkDeltas(bytes, middle, count);
  const prefixes = new Int32Array(count);
  const suffixes = new Int32Array(count);
  deltaBinaryUnpack(openReader(bytes), count, prefixes);
  deltaBinaryUnpack({ ...openReader(bytes), offset: middle }, count, suffixes);
  let before = 0;
  let total = 0;
  for (let i = 0; i < count; i++) {
    if (prefixes[i]! < 0 || prefixes[i]! > before || suffixes[i]! < 0) {
      throw new DamagedParquet('a page has a value of an impossible length');
    }
    before = prefixes[i]! + suffixes[i]!;
    total += before;
    if (total > longestPage) throw new DamagedParquet('the values of a page are too long');
  }
}

function openReader(bytes: Uint8Array): { view: DataView<ArrayBuffer>; offset: number } {
  const view = new DataView(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
  return { view, offset: 0 };
}
