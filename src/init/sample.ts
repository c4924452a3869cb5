import { stat } from 'node:fs/promises';
import type { Encoding } from '../data/input/encodings.js';
import { formatOf, nameSource, type Format, type Source } from '../data/input/sources.js';
import { UnmarkedUtf16 } from '../data/input/content-kind.js';
import { readMarkedText } from '../data/input/source-text.js';
import { isMarked } from '../data/input/utf8.js';
import { UserError } from '../errors.js';
import { sniffFormat } from './sniff.js';
import {
  bounded,
  type Content,
  isCut,
  MOST_ROWS,
  type ReadContent,
  type Reading,
} from './reading.js';
import { readObjects, readParquet } from './sample-objects.js';
import { readTable } from './sample-table.js';
import { readSentences } from './sample-tagged.js';

/** What is looked at of a file before anything is trained: its first rows, in bounded memory. */

export interface Sample {
  readonly path: string;
  readonly format: Format;
  /** Whether the file's name does not tell the format, so that the config has to. */
  readonly isTold: boolean;
  readonly encoding?: Encoding;
  readonly content: Content;
  /** Rows that were looked at, and about how many there are; equal where the whole file was. */
  readonly rows: number;
  readonly allRows: number;
}

export interface SampleOptions {
  readonly format?: Format | undefined;
  readonly encoding?: Encoding | undefined;
  readonly header?: boolean | undefined;
  readonly mostRows?: number;
}

/**
 * Reads the first rows of a file, laid out as its name or else its content tells.
 *
 * @throws UserError for what cannot be read
 */
export async function takeSample(path: string, options: SampleOptions = {}): Promise<Sample> {
  const named = formatOf(path);
  const compression = /\.(gz|zst)$/i.exec(path)?.[1]?.toLowerCase();
  const place = {
    path,
    ...(compression && {
      compression: compression === 'gz' ? ('gzip' as const) : ('zstd' as const),
    }),
  };
  if (/\.json(\.gz|\.zst)?$/i.test(path)) {
    throw new UserError(
      `${path}: expected JSON Lines, one object a line, in a file whose name ends in .jsonl; a JSON list is written as such by jq -c '.[]'`,
    );
  }
  const { mostRows = MOST_ROWS, header } = options;
  if ((options.format ?? named) === 'parquet') {
    const { content, rows, allRows } = await readParquet({ ...place, format: 'parquet' }, mostRows);
    return { path, format: 'parquet', isTold: named !== 'parquet', content, rows, allRows };
  }
  const encoding = options.encoding ?? (await findEncoding({ ...place, format: 'text' }));
  const open = (format: Format): Reading & { read: () => number } => {
    let bytes = 0;
    const source: Source = { ...place, format };
    const observe = (piece: Uint8Array): void => void (bytes += piece.length);
    const marked = readMarkedText(source, { encoding }, { isMalformed: false }, undefined, observe);
    return { pieces: bounded(marked), source, mostRows, header, read: () => bytes };
  };
  const format =
    options.format ??
    (named === undefined || named === 'text'
      ? await sniffFormat(open('text').pieces, named === undefined)
      : named);
  const reading = open(format);
  const { content, rows, isWhole, share: taken = 1 } = await readContent(reading);
  if (rows === 0) throw new UserError(`${nameSource(path)}: expected rows to look at, found none`);
  const share = (taken * reading.read()) / Math.max(1, (await stat(path)).size);
  return {
    ...{ path, format, content, rows, isTold: named !== format },
    ...(encoding && { encoding }),
    allRows: isWhole ? rows : Math.max(rows, Math.round(rows / Math.max(share, 1e-9))),
  };
}

function readContent(reading: Reading): Promise<ReadContent> {
  switch (reading.source.format) {
    case 'csv':
    case 'tsv':
      return readTable(reading);
    case 'jsonl':
      return readObjects(reading);
    case 'conll':
      return readSentences(reading);
    default:
      return readLines(reading);
  }
}

async function readLines({ pieces, mostRows }: Reading): Promise<ReadContent> {
  const lines: string[] = [];
  let rest = '';
  let isWhole = true;
  for await (const piece of pieces) {
    const parts = (rest + piece).split(/\r?\n/);
    rest = parts.pop()!;
    lines.push(...parts);
    // All of a text counts, not its lines alone: only characters bound it.
    if (lines.length > 20 * mostRows) {
      isWhole = false;
      break;
    }
  }
  if (rest !== '') lines.push(rest);
  return {
    content: { kind: 'lines', lines },
    rows: lines.length,
    isWhole: isWhole && !isCut(pieces),
  };
}

/** Bytes that are looked at to tell an encoding: in pieces of some 128 KiB. */
const PIECES_LOOKED_AT = 32;

/** UTF-16 without a mark, or Windows-1252, which is what other text that is no UTF-8 mostly is; undefined where nothing has to be said. */
async function findEncoding(source: Source): Promise<Encoding | undefined> {
  let pieces = 0;
  try {
    for await (const text of readMarkedText(source, {}, { isMalformed: false })) {
      if (isMarked(text)) return 'windows-1252';
      if (++pieces >= PIECES_LOOKED_AT) break;
    }
  } catch (error) {
    if (error instanceof UnmarkedUtf16) return error.encoding;
    throw error;
  }
  return undefined;
}
