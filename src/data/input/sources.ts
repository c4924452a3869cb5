import { stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { UserError } from '../../errors.js';
import { findFiles, type FoundFile } from './find-files.js';

/** Where raw text comes from: files, globs and standard input, before a byte of them is read. */

export type Format = 'csv' | 'tsv' | 'jsonl' | 'text' | 'parquet' | 'conll';
export type Compression = 'gzip' | 'zstd';

/** The name that stands for standard input. */
export const standardInput = '-';

/** What a file with the content of standard input is called: a corpus is read more than once. */
export function keptInput(sha256: string): string {
  return `stdin-${sha256}`;
}

const isKeptInput = /(?:^|[/\\])stdin-[0-9a-f]{64}$/;

/** Stands before the name of such a file where somebody names it: then it is a file as any other. */
const named = '/./';

/** What a source is called in messages, by its path. */
export function nameSource(path: string): string {
  const isKept = isKeptInput.test(path) && !path.slice(0, -basename(path).length).endsWith(named);
  return path === standardInput || isKept ? 'standard input' : path;
}

export interface Source {
  /** As the user wrote it or as its glob gave it; `-` is standard input. In messages see `nameSource`. */
  readonly path: string;
  readonly format: Format;
  /** Whether nothing tells the format: of standard input, where none is given. */
  readonly isGuessed?: true;
  /** Of the whole file, by its name's ending; absent where there is none. */
  readonly compression?: Compression;
  /** Of two text files whose lines belong together, this one being what is to be translated: the one with the translations. */
  readonly target?: Source;
}

/** What tells whether a file is the one that was read before; of two files, both. */
export interface FileStamp {
  readonly bytes: number;
  /** When its content was changed, in nanoseconds, as a decimal number: can be set at will. */
  readonly modified: string;
  /** When anything of it was changed, its name or times too: cannot be set. */
  readonly changed: string;
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
  conll: 'conll',
};

const compressed = /\.(gz|zst)$/i;

/** Hears what is worth telling the user, a sentence at a time. */
export type Notify = (message: string) => void;

/** Paths, globs or `-`, relative to the working directory. */
export interface SourceRequest {
  readonly patterns: readonly string[];
  /** Of all the files; told from each file's extension when absent. */
  readonly format: Format | undefined;
  /** What files are whose names tell no format, or that of plain text; the former are refused when absent. */
  readonly otherwise?: Format | undefined;
  /** Names the option in messages (`data.train`). */
  readonly key: string;
  /** What may be named in the place of a pipe or device, in messages: also standard input when absent. */
  readonly expected?: string;
  /** Whether a file counts as often as it is named, as where it belongs to another each time. */
  readonly repeats?: boolean;
  /** Begins messages about a pattern: where the option names it (`config.yaml:3:10: `). */
  readonly introduce?: (pattern: number) => string;
}

export interface ListedSource {
  readonly source: Source;
  /** The same for two names of one file; of standard input, its name. */
  readonly identity: string;
  /** Of a pair's other file. */
  readonly targetIdentity?: string;
  /** Index of the pattern that named it first. */
  readonly pattern: number;
  /** Of further patterns that name it. */
  readonly again: readonly number[];
}

/**
 * Lists the files that paths and globs name, each once unless `repeats`: patterns in the given order, the files of
 * a glob by code units, so that every machine sees the same order.
 *
 * @param notify Hears of files that are named more than once, also by links.
 * @throws UserError for a missing file, a glob without a match, what is no regular file and an
 *   extension that tells nothing.
 */
export async function listSources(
  {
    patterns,
    format,
    otherwise,
    key,
    expected,
    repeats = false,
    introduce = () => '',
  }: SourceRequest,
  notify: Notify,
): Promise<ListedSource[]> {
  const known = new Map<string, ListedSource & { readonly again: number[] }>();
  const listed: ListedSource[] = [];
  const repeated: [name: string, first: string][] = [];
  for (const [pattern, name] of patterns.entries()) {
    for (const { path, identity } of await expand(name, `${introduce(pattern)}${key}`, expected)) {
      const first = known.get(identity);
      if (first !== undefined && !repeats) {
        repeated.push([path, first.source.path]);
        first.again.push(pattern);
        continue;
      }
      const source = describeSource(path, format, otherwise, key);
      const found = { source, identity, pattern, again: [] };
      known.set(identity, found);
      listed.push(found);
    }
  }
  if (repeated.length > 0) notify(`${key} ${describeRepeated(repeated)}`);
  return listed;
}

function describeRepeated(again: readonly [name: string, first: string][]): string {
  const [name, first] = again[0]!;
  const how =
    resolve(name) === resolve(first)
      ? `names ${JSON.stringify(first)} more than once`
      : `names one file as ${JSON.stringify(first)} and ${JSON.stringify(name)}`;
  return again.length === 1
    ? `${how}: it is read once.`
    : `${how}, and ${again.length - 1} more such: each file is read once.`;
}

async function expand(pattern: string, key: string, expected?: string): Promise<FoundFile[]> {
  if (pattern === standardInput) return [{ path: pattern, identity: standardInput }];
  return findFiles(pattern, key, expected);
}

/** A file as a source, which it has been before. */
export function describeSource(
  path: string,
  given: Format | undefined,
  otherwise: Format | undefined,
  key: string,
): Source {
  const format = given ?? guessFormat(path, otherwise, key);
  if (isKeptInput.test(path)) return { path: `${dirname(path)}${named}${basename(path)}`, format };
  const ending = compressed.exec(path)?.[1]?.toLowerCase();
  if (format === 'parquet' && (ending !== undefined || path === standardInput)) {
    const name = path === standardInput ? nameSource(path) : JSON.stringify(path);
    throw new UserError(
      `${key}: ${name} is read by position: expected an uncompressed .parquet file.`,
    );
  }
  if (path === standardInput && given === undefined) return { path, format, isGuessed: true };
  if (ending === undefined) return { path, format };
  return { path, format, compression: ending === 'gz' ? 'gzip' : 'zstd' };
}

/** What a name tells of a file's format, or else what such files are otherwise; undefined where neither does. */
export function formatOf(path: string, otherwise?: Format): Format | undefined {
  if (path === standardInput) return otherwise ?? 'text';
  const extension = /\.([^./\\]+)$/.exec(path.replace(compressed, ''))?.[1]?.toLowerCase() ?? '';
  const known = Object.hasOwn(formatOfExtension, extension)
    ? formatOfExtension[extension]!
    : undefined;
  return otherwise !== undefined && (known === undefined || known === 'text') ? otherwise : known;
}

/** What the name of a file that is read as plain text tells of it instead; undefined where it tells nothing else. */
export function tellsOther({ path, format, target }: Source): Format | undefined {
  if (format !== 'text' || target !== undefined || path === standardInput) return undefined;
  const told = formatOf(path);
  return told === 'text' ? undefined : told;
}

function guessFormat(path: string, otherwise: Format | undefined, key: string): Format {
  const format = formatOf(path, otherwise);
  if (format !== undefined) return format;
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

/** Size and times of a source; of standard input, zeros; of two files, both. */
export async function stampSource({ path, target }: Source): Promise<FileStamp> {
  if (path === standardInput) return { bytes: 0, modified: '0', changed: '0' };
  const own = await stampOf(path);
  if (target === undefined) return own;
  const other = await stampOf(target.path);
  return {
    bytes: own.bytes + other.bytes,
    modified: `${own.modified},${other.modified}`,
    changed: `${own.changed},${other.changed}`,
  };
}

/** @throws what the file system says of a file that is not there */
export async function stampOf(path: string): Promise<FileStamp> {
  const { size, mtimeNs, ctimeNs } = await stat(resolve(path), { bigint: true });
  return { bytes: Number(size), modified: mtimeNs.toString(), changed: ctimeNs.toString() };
}

/** Which of a source's files is not what it was: the first where that cannot be told. */
export function changedFile({ path, target }: Source, was: FileStamp, is?: FileStamp): string {
  const ofFirst = ({ modified, changed }: FileStamp): string =>
    `${modified.split(',')[0]} ${changed.split(',')[0]}`;
  const isSecond = target !== undefined && is !== undefined && ofFirst(was) === ofFirst(is);
  return isSecond ? target.path : path;
}

export function sameStamp(a: FileStamp, b: FileStamp): boolean {
  return a.bytes === b.bytes && a.modified === b.modified && a.changed === b.changed;
}
