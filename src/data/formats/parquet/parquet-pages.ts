import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { PageHeader } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { DamagedParquet, measureStruct, requireCount } from './parquet-checks.js';
import { decompressPage } from './parquet-codecs.js';
import type { BytesObserver } from '../../input/source-text.js';

/** The pages of a column chunk, one after the other, so that no more than one is in memory. */

export interface Page {
  readonly kind: 'dictionary' | 'data';
  /** Of a data page the nulls included. */
  readonly values: number;
  /** How many of them, where the page's header says so. */
  readonly nulls?: number;
  /** In how many rows, where the page's header says so. */
  readonly rows?: number;
  readonly encoding: string;
  /** Decompressed, with the levels. */
  readonly bytes: Uint8Array;
  /** Where the definition levels lie, behind those of repetition; absent where both begin with their length (the older format). */
  readonly levels?: { readonly start: number; readonly end: number };
}

export interface Chunk {
  readonly start: number;
  readonly end: number;
  readonly codec: string;
}

/** A row of a page may be long, but decoding takes several times the page's size. */
const largestPage = 2 ** 27;
const mostValues = 2 ** 24;
const largestHeader = 2 ** 24;

/** Reads the pages of a column chunk. @throws Error of any kind when the chunk is damaged. */
export async function* readPages(
  file: FileHandle,
  { start, end, codec }: Chunk,
  observe?: BytesObserver,
): AsyncGenerator<Page, void, undefined> {
  for (let at = start; at < end;) {
    const { header, length } = await readHeader(file, at, end);
    at += length;
    const size = requireCount(header.compressed_page_size, end - at, 'the size of a page');
    const bytes = await readRange(file, at, size);
    at += size;
    observe?.(bytes);
    // A signed number in the header.
    if (header.crc !== undefined && header.crc !== (crc32(bytes) | 0)) {
      throw new DamagedParquet(
        `the checksum of the page at byte ${at - size - length} does not fit`,
      );
    }
    const page = await decodePage(header, bytes, codec);
    if (page !== undefined) yield page;
  }
}

async function readHeader(
  file: FileHandle,
  at: number,
  end: number,
): Promise<{ header: PageHeader; length: number }> {
  // Statistics in it can make a header long.
  for (let guess = 2 ** 12; ; guess *= 16) {
    const bytes = await readRange(file, at, Math.min(guess, end - at));
    const length = measureStruct(bytes);
    if (length !== undefined) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, length);
      return { header: parquetHeader({ view, offset: 0 }), length };
    }
    if (guess >= end - at || guess >= largestHeader) {
      throw new DamagedParquet('the header of a page does not end');
    }
  }
}

async function decodePage(
  header: PageHeader,
  bytes: Uint8Array,
  codec: string,
): Promise<Page | undefined> {
  const size = requireCount(header.uncompressed_page_size, largestPage, 'the size of a page');
  const { dictionary_page_header: dictionary, data_page_header: data } = header;
  if (header.type === 'DICTIONARY_PAGE' && dictionary !== undefined) {
    const values = requireCount(
      dictionary.num_values,
      mostValues,
      'the number of values of a page',
    );
    const page = await decompressPage(bytes, codec, size);
    return { kind: 'dictionary', values, encoding: 'PLAIN', bytes: page };
  }
  if (header.type === 'DATA_PAGE' && data !== undefined) {
    const values = requireCount(data.num_values, mostValues, 'the number of values of a page');
    const page = await decompressPage(bytes, codec, size);
    return { kind: 'data', values, encoding: data.encoding, bytes: page };
  }
  if (header.type === 'DATA_PAGE_V2') return decodeSecondVersion(header, bytes, codec, size);
  if (header.type === 'INDEX_PAGE') return undefined;
  throw new DamagedParquet('a page is of an unknown type');
}

/** A page whose levels are not compressed. */
async function decodeSecondVersion(
  { data_page_header_v2: data }: PageHeader,
  bytes: Uint8Array,
  codec: string,
  size: number,
): Promise<Page> {
  if (data === undefined) throw new DamagedParquet('a page has no header of its type');
  const values = requireCount(data.num_values, mostValues, 'the number of values of a page');
  const nulls = requireCount(data.num_nulls, values, 'the number of nulls of a page');
  const rows = requireCount(data.num_rows, values, 'the number of rows of a page');
  const most = Math.min(size, bytes.length);
  const start = requireCount(data.repetition_levels_byte_length, most, 'the size of levels');
  const length = requireCount(
    data.definition_levels_byte_length,
    most - start,
    'the size of levels',
  );
  const end = start + length;
  const content = bytes.subarray(end);
  const isCompressed = data.is_compressed !== false;
  const decompressed = await decompressPage(
    content,
    isCompressed ? codec : 'UNCOMPRESSED',
    size - end,
  );
  return {
    kind: 'data',
    values,
    nulls,
    rows,
    encoding: data.encoding,
    bytes: content === decompressed ? bytes : Buffer.concat([bytes.subarray(0, end), decompressed]),
    levels: { start, end },
  };
}

/** Reads bytes by position. @throws DamagedParquet when the file ends before. */
export async function readRange(file: FileHandle, start: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length;) {
    const { bytesRead } = await file.read(bytes, done, length - done, start + done);
    if (bytesRead === 0) throw new DamagedParquet('the file ends too early');
    done += bytesRead;
  }
  return bytes;
}
