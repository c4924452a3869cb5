import { brotliDecompressSync, unzipSync } from 'node:zlib';
import { compressors } from 'hyparquet-compressors';
import { DamagedParquet } from './parquet-checks.js';
import { decompressZstd } from '../../input/zstd/zstd.js';

/**
 * Decompresses a page of a Parquet file, never to more than the page's header says: gzip and Brotli
 * by Node, Zstandard block by block, Snappy and LZ4 by hyparquet-compressors.
 *
 * @param length Bytes of the page when decompressed.
 * @throws Error of any kind when the data is damaged.
 */
export async function decompressPage(
  bytes: Uint8Array,
  codec: string,
  length: number,
): Promise<Uint8Array> {
  const page = await decompress(bytes, codec, length);
  if (page.length === length) return page;
  throw new DamagedParquet(`a page has ${page.length} bytes where its header says ${length}`);
}

async function decompress(bytes: Uint8Array, codec: string, length: number): Promise<Uint8Array> {
  switch (codec) {
    case 'UNCOMPRESSED':
      return bytes;
    case 'GZIP':
      return unzipSync(bytes, { maxOutputLength: Math.max(1, length) });
    case 'BROTLI':
      return brotliDecompressSync(bytes, { maxOutputLength: Math.max(1, length) });
    case 'ZSTD':
      return joinZstd(bytes, length);
    case 'SNAPPY':
      requireSnappyLength(bytes, length);
      return compressors.SNAPPY!(bytes, length);
    case 'LZ4_RAW':
      return compressors.LZ4_RAW!(bytes, length);
    case 'LZ4':
      return joinLz4(bytes, length);
    default:
      throw new DamagedParquet(`pages compressed by ${codec} cannot be read`);
  }
}

async function joinZstd(bytes: Uint8Array, length: number): Promise<Uint8Array> {
  const blocks: Uint8Array[] = [];
  let total = 0;
  for await (const block of decompressZstd([bytes])) {
    total += block.length;
    if (total > length) throw new DamagedParquet('a page is longer than its header says');
    blocks.push(block);
  }
  return Buffer.concat(blocks);
}

/** The decompressor believes the length with which Snappy data begin. */
function requireSnappyLength(bytes: Uint8Array, length: number): void {
  let found = 0;
  for (let i = 0; i < 5; i++) {
    const byte = bytes[i] ?? 0;
    found += (byte & 127) * 2 ** (7 * i);
    if (byte < 128) break;
  }
  if (found !== length) {
    throw new DamagedParquet(`a page has ${found} bytes where its header says ${length}`);
  }
}

/** Old writers put blocks behind their lengths, as Hadoop does; others wrote one block alone. */
function joinLz4(bytes: Uint8Array, length: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blocks: { start: number; end: number; length: number }[] = [];
  let total = 0;
  for (let at = 0; at < bytes.length; at = blocks.at(-1)!.end) {
    if (at + 8 > bytes.length) return compressors.LZ4_RAW!(bytes, length);
    const block = {
      start: at + 8,
      end: at + 8 + view.getUint32(at + 4),
      length: view.getUint32(at),
    };
    total += block.length;
    if (block.end > bytes.length || total > length) return compressors.LZ4_RAW!(bytes, length);
    blocks.push(block);
  }
  return Buffer.concat(
    blocks.map((block) =>
      compressors.LZ4_RAW!(bytes.subarray(block.start, block.end), block.length),
    ),
  );
}
