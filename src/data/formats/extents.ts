import { type FileHandle, open, stat } from 'node:fs/promises';
import { detectEncoding, type Encoding } from '../input/encodings.js';
import { chooseQuoting } from './csv/csv-scan.js';
import type { Extent } from '../input/extent.js';
import type { RowOptions } from './rows.js';
import type { Source } from '../input/sources.js';

export interface ExtentOptions {
  readonly encoding?: Encoding | undefined;
  readonly textUnit?: 'line' | 'paragraph' | 'whole' | undefined;
  readonly quote?: RowOptions['quote'];
}

/**
 * Divides a file into extents of about `targetBytes` that begin where a row begins. A compressed
 * file and one in UTF-16 are one extent; those of a Parquet file are row groups. Of a CSV file the places are guessed by the parity of its
 * quotation marks: whoever reads an extent finds out whether its end is right, and as the first one
 * begins rightly, all do unless one throws BrokenExtent.
 */
export async function listExtents(
  source: Source,
  targetBytes: number,
  options: ExtentOptions,
): Promise<readonly Extent[]> {
  if (source.format === 'parquet') return listRowGroups(source.path, targetBytes);
  const { size } = await stat(source.path);
  const whole = { start: 0, end: size };
  if (source.compression !== undefined || size <= targetBytes) return [whole];
  if (source.format === 'text' && options.textUnit === 'whole') return [whole];
  const file = await open(source.path);
  try {
    const encoding = options.encoding ?? detectEncoding(await readAt(file, 0, 4));
    if (encoding?.startsWith('utf-16')) return [whole];
    const ends = isQuotedAcrossLines(source, options)
      ? await findRowEnds(file, size, targetBytes)
      : await findMatches(
          file,
          size,
          targetBytes,
          source.format === 'conll' ||
            (source.format === 'text' && options.textUnit === 'paragraph')
            ? blankLine
            : lineFeed,
        );
    return ends.map((end, i) => ({ start: ends[i - 1] ?? 0, end }));
  } finally {
    await file.close();
  }
}

function isQuotedAcrossLines({ format }: Source, { quote }: ExtentOptions): boolean {
  return (format === 'csv' || format === 'tsv') && chooseQuoting(format, quote) === 'full';
}

async function listRowGroups(path: string, targetBytes: number): Promise<readonly Extent[]> {
  const { ParquetFile } = await import('./parquet/parquet.js');
  const file = await ParquetFile.open(path);
  try {
    const extents: Extent[] = [];
    let bytes = 0;
    for (let group = 0, start = 0; group < file.groups; group++) {
      bytes += file.bytesOf(group);
      if (bytes < targetBytes && group + 1 < file.groups) continue;
      extents.push({ start, end: group + 1 });
      start = group + 1;
      bytes = 0;
    }
    return extents;
  } finally {
    await file.close();
  }
}

const windowBytes = 1 << 20;
const lineFeed = /\n/;
const blankLine = /\n[ \t\r]*\n/;

/** Ends of extents, each behind the first match at or after a multiple of `targetBytes`. */
async function findMatches(
  file: FileHandle,
  size: number,
  targetBytes: number,
  pattern: RegExp,
): Promise<number[]> {
  const ends: number[] = [];
  for (let from = targetBytes; from < size;) {
    const window = (await readAt(file, from, 1 << 16)).toString('latin1');
    if (window === '') break;
    const match = pattern.exec(window);
    if (match !== null) {
      const end = from + match.index + match[0].length;
      if (end < size) ends.push(end);
      from = end + targetBytes;
      continue;
    }
    // The match may begin with the last line feed of the window.
    const last = window.lastIndexOf('\n');
    from += last > 0 ? last : window.length;
  }
  return [...ends, size];
}

/** Ends of extents, each behind a line feed that an even number of quotation marks precedes. */
async function findRowEnds(file: FileHandle, size: number, targetBytes: number): Promise<number[]> {
  const ends: number[] = [];
  let next = targetBytes;
  let quoted = 0;
  for (let from = 0; from < size;) {
    const window = await readAt(file, from, windowBytes);
    if (window.length === 0) break;
    for (let i = 0; i < window.length; i++) {
      const byte = window[i]!;
      if (byte === quotationMark) quoted ^= 1;
      else if (byte === newLine && quoted === 0 && from + i >= next) {
        const end = from + i + 1;
        if (end < size) ends.push(end);
        next = end + targetBytes;
      }
    }
    from += window.length;
  }
  return [...ends, size];
}

const quotationMark = 0x22;
const newLine = 0x0a;

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
