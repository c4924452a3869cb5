import { stat } from 'node:fs/promises';
import { basename, isAbsolute, resolve } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';
import { UserError } from '../errors.js';
import { errorCode } from './error-code.js';

/** Where raw text comes from: files, globs and standard input, before a byte of them is read. */

export type Format = 'csv' | 'tsv' | 'jsonl' | 'text' | 'parquet';
export type Compression = 'gzip' | 'zstd';

/** The name that stands for standard input. */
export const standardInput = '-';

export interface Source {
  /** As the user wrote it or as its glob gave it: the name in messages. `-` is standard input. */
  readonly path: string;
  readonly format: Format;
  /** Of the whole file, by its name's ending; absent where there is none. */
  readonly compression?: Compression;
}

/** What tells whether a file is the one that was read before. */
export interface FileStamp {
  readonly bytes: number;
  /** Modification time in nanoseconds, as a decimal number. */
  readonly modified: string;
}

const formatOfExtension: Record<string, Format> = {
  csv: 'csv',
  tsv: 'tsv',
  tab: 'tsv',
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  txt: 'text',
  text: 'text',
  md: 'text',
  parquet: 'parquet',
};

const compressed = /\.(gz|zst)$/i;

/**
 * Lists the files that paths and globs name, each once: patterns in the given order, the files of
 * a glob by code units, so that every machine sees the same order.
 *
 * @param patterns Paths, globs or `-`, relative to the working directory.
 * @param format Of all the files; told from each file's extension when absent.
 * @param key Names the option in messages (`data.train`).
 * @throws UserError for a missing file, a glob without a match and an extension that tells nothing.
 */
export async function listSources(
  patterns: readonly string[],
  format: Format | undefined,
  key: string,
): Promise<Source[]> {
  const paths = new Map<string, string>();
  for (const pattern of patterns) {
    for (const path of await expand(pattern, key)) {
      if (!paths.has(resolve(path))) paths.set(resolve(path), path);
    }
  }
  return Array.from(paths.values(), (path) => describeSource(path, format, key));
}

function describeSource(path: string, given: Format | undefined, key: string): Source {
  const format = given ?? guessFormat(path, key);
  const ending = compressed.exec(path)?.[1]?.toLowerCase();
  if (format === 'parquet' && (ending !== undefined || path === standardInput)) {
    throw new UserError(
      `${key}: ${JSON.stringify(path)} is read by position: expected an uncompressed .parquet file.`,
    );
  }
  if (ending === undefined) return { path, format };
  return { path, format, compression: ending === 'gz' ? 'gzip' : 'zstd' };
}

async function expand(pattern: string, key: string): Promise<string[]> {
  // A file whose name happens to look like a glob is meant as the file.
  if (pattern === standardInput || (await isFile(pattern))) return [pattern];
  if (!isDynamicPattern(pattern)) {
    throw new UserError(`${key}: there is no file ${JSON.stringify(pattern)}.`);
  }
  const found = await glob(pattern, { expandDirectories: false, absolute: isAbsolute(pattern) });
  if (found.length === 0) {
    throw new UserError(`${key}: no file matches ${JSON.stringify(pattern)}.`);
  }
  return found.sort();
}

/** A glob may also be too long for a name. */
const missing = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG']);

async function isFile(path: string): Promise<boolean> {
  const found = await stat(path).catch((error: unknown) => {
    if (missing.has(errorCode(error))) return undefined;
    throw error;
  });
  if (found?.isDirectory()) {
    throw new UserError(
      `${path} is a directory: name its files, for example ${JSON.stringify(`${path}/*.csv`)}.`,
    );
  }
  return found !== undefined;
}

function guessFormat(path: string, key: string): Format {
  if (path === standardInput) return 'text';
  const extension = /\.([^./\\]+)$/.exec(path.replace(compressed, ''))?.[1]?.toLowerCase() ?? '';
  if (Object.hasOwn(formatOfExtension, extension)) return formatOfExtension[extension]!;
  throw new UserError(
    `${key}: the name ${JSON.stringify(path)} does not tell the file's format: ` +
      'expected .csv, .tsv, .jsonl, .txt (.gz or .zst may follow) or .parquet, or set data.format.',
  );
}

/**
 * The name by which a file's rows are dealt to splits and by which stores are compared: without
 * the directory and without the compression, so that moving or compressing a corpus moves no row.
 */
export function splitName(source: Source): string {
  return basename(source.path).replace(compressed, '');
}

/** Size and time of a source; of standard input, zeros. */
export async function stampSource(source: Source): Promise<FileStamp> {
  if (source.path === standardInput) return { bytes: 0, modified: '0' };
  const { size, mtimeNs } = await stat(resolve(source.path), { bigint: true });
  return { bytes: Number(size), modified: mtimeNs.toString() };
}
