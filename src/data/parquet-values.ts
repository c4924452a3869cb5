import type { DecodedArray, SchemaElement } from 'hyparquet';
import { convert, convertWithDictionary, DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { readDataPage } from 'hyparquet/src/datapage.js';
import { deltaBinaryUnpack } from 'hyparquet/src/delta.js';
import { readRleBitPackedHybrid } from 'hyparquet/src/encoding.js';
import { readPlain } from 'hyparquet/src/plain.js';
import { checkDeltas, checkRuns, DamagedParquet } from './parquet-checks.js';
import type { Page } from './parquet-pages.js';

/** From a page's bytes to values, by hyparquet, once the bytes are known to be sound. */

/** A column of a table, at any depth of structs, but not within a list. */
export interface ParquetColumn {
  readonly path: readonly string[];
  readonly element: SchemaElement;
  /** Levels of the path that may be null. */
  readonly maxDefinition: number;
}

/** Decodes the pages of one column chunk, in their order. */
export class PageDecoder {
  readonly #column: ParquetColumn;
  readonly #decoder: Parameters<typeof convert>[1];
  #dictionary: DecodedArray | undefined;

  constructor(column: ParquetColumn) {
    this.#column = column;
    const { type } = column.element;
    if (type === undefined) throw new DamagedParquet('a column has no type');
    this.#decoder = {
      pathInSchema: [...column.path],
      type,
      element: column.element,
      // Levels are read here, so that to hyparquet every value seems to be required.
      schemaPath: [],
      codec: 'UNCOMPRESSED',
      parsers: { ...DEFAULT_PARSERS, stringFromBytes: decodeUtf8, jsonFromBytes: decodeUtf8 },
    };
  }

  /** @returns A value for each row, null where there is none; nothing for a dictionary. */
  decode(page: Page): unknown[] {
    if (page.kind === 'data') return this.#decodeData(page);
    const { type, element } = this.#decoder;
    const values = readPlain(openReader(page.bytes), type, page.values, element.type_length);
    this.#dictionary = convert(values, this.#decoder);
    return [];
  }

  #decodeData(page: Page): unknown[] {
    const { present, start } = readPresence(page, this.#column.maxDefinition);
    const count = present === undefined ? page.values : present.filter(Boolean).length;
    const values = count === 0 ? [] : this.#decodeValues(page, page.bytes.subarray(start), count);
    if (values.length !== count || Array.prototype.includes.call(values, undefined)) {
      throw new DamagedParquet('a page has fewer values than its header says');
    }
    if (present === undefined) return Array.from(values);
    let next = 0;
    return present.map((isPresent) => (isPresent ? values[next++] : null));
  }

  #decodeValues(page: Page, bytes: Uint8Array, count: number): ArrayLike<unknown> {
    const isDictionary = page.encoding.endsWith('_DICTIONARY');
    if (isDictionary && this.#dictionary === undefined) {
      throw new DamagedParquet('a page has no dictionary');
    }
    checkValues(bytes, page.encoding, count, this.#decoder.type);
    const header = {
      num_values: count,
      encoding: page.encoding as Parameters<typeof convertWithDictionary>[2],
      definition_level_encoding: 'RLE',
      repetition_level_encoding: 'RLE',
    } as const;
    const { dataPage } = readDataPage(bytes, header, this.#decoder);
    return convertWithDictionary(dataPage, this.#dictionary, header.encoding, this.#decoder);
  }
}

/** Which rows have a value (undefined: all), and where the values begin. */
function readPresence(
  { values, bytes, levels }: Page,
  maxDefinition: number,
): { present?: boolean[]; start: number } {
  if (maxDefinition === 0) return { start: levels?.end ?? 0 };
  const start = levels?.start ?? 4;
  const end = levels?.end ?? 4 + openReader(bytes).view.getUint32(0, true);
  if (end > bytes.length) throw new DamagedParquet('the levels of a page are cut off');
  const bitWidth = 32 - Math.clz32(maxDefinition);
  checkRuns(bytes, start, end, bitWidth, values);
  const found = new Array<number>(values);
  readRleBitPackedHybrid({ ...openReader(bytes), offset: start }, bitWidth, found, end - start);
  return { present: found.map((level) => level === maxDefinition), start: end };
}

function checkValues(bytes: Uint8Array, encoding: string, count: number, type: string): void {
  switch (encoding) {
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
      // The others take a fixed number of bytes or a length before each value.
      return;
  }
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

function decodeUtf8(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}
