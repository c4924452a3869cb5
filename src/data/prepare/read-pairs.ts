import type { Config } from '../../config/schema.js';
import { readSource } from '../formats/examples.js';
import { type FilePair, formatOfTables } from '../input/file-pairs.js';
import { describeSource, type Source } from '../input/sources.js';
import { UserError } from '../../errors.js';
import type { ExampleOptions } from '../formats/examples.js';
import { listEntries } from './plan-sources.js';
import { requireUnchanged } from './source-cache.js';
import type { Manifest } from '../store/manifest.js';
import type { TokenStore } from '../store/token-store.js';

/** A text and its translation, as they are written. */
export interface Pair {
  readonly source: string;
  readonly target: string;
}

/**
 * The pairs of files as they are written, each file once, in their order, without those that cannot be used where `data.onBadRow` leaves them out.
 *
 * @param files tables with both sides, or two text files or more whose lines belong together
 * @param named what names the files, for messages
 * @throws UserError that names file and line of what cannot be used
 */
export async function* readPairs(
  config: Config,
  files: readonly (string | FilePair)[],
  named: string,
): AsyncGenerator<Pair[], void, undefined> {
  const data = { ...config.data, format: formatOfTables(config.data.format) };
  // Whoever measures them beside has heard of what is named twice.
  const listed = await listEntries({ ...config, data }, files, 'validation', named, ignore);
  for (const { source } of listed) {
    for await (const { rows } of readSource(source, pairReading(config))) {
      yield rows.map(({ text, label }) => ({ source: text, target: label! }));
    }
  }
}

function ignore(): void {
  // Nothing is told.
}

/**
 * The first pairs of a split, as they are written in the files that it was prepared from.
 *
 * @param count at most
 * @throws UserError where a file is no longer what it was when the split was prepared
 */
export async function readStoredPairs(
  config: Config,
  { manifest }: { readonly manifest: Pick<Manifest, 'sources'> },
  store: Pick<TokenStore, 'rows' | 'locate'>,
  count: number,
): Promise<Pair[]> {
  const most = Math.min(count, store.rows);
  const pairs: Pair[] = [];
  // Rows of a source stand together, in the order of its lines.
  for (let next = 0; next < most;) {
    const { source } = await store.locate(next);
    const wanted: number[] = [];
    for (; next < most; next++) {
      const place = await store.locate(next);
      if (place.source !== source) break;
      wanted.push(place.row);
    }
    pairs.push(...(await readRows(config, manifest.sources[source]!, wanted)));
  }
  return pairs;
}

/** @param wanted numbers of rows of the source, rising */
async function readRows(
  config: Config,
  { path, target, bytes, modified, changed }: Manifest['sources'][number],
  wanted: readonly number[],
): Promise<Pair[]> {
  const sourceAt = (file: string): Source =>
    describeSource(file, target === undefined ? config.data.format : 'text', undefined, 'data');
  const source = {
    ...sourceAt(path),
    ...(target !== undefined && { target: sourceAt(target) }),
    stamp: { bytes, modified, changed },
  };
  await requireUnchanged(source);
  const pairs: Pair[] = [];
  for await (const { rows } of readSource(source, pairReading(config))) {
    for (const { row, text, label } of rows) {
      if (row === wanted[pairs.length]) pairs.push({ source: text, target: label! });
    }
    if (pairs.length === wanted.length) break;
  }
  await requireUnchanged(source);
  if (pairs.length === wanted.length) return pairs;
  throw new UserError(
    `${path}: row ${wanted[pairs.length]!} is no longer there: the file has changed since it was prepared`,
  );
}

function pairReading({ data }: Config): ExampleOptions {
  const { header, delimiter, quote, encoding, onBadRow } = data;
  return {
    ...{ header, delimiter, quote, encoding, onBadRow },
    ...{ text: data.source!, label: data.target, labels: 'text' },
  };
}
