import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterEach, expect } from 'vitest';
import { type Config, configSchema } from '../../../src/config/schema.js';
import type { Corpus } from '../../../src/data/store/corpus.js';
import { prepareCorpus } from '../../../src/data/prepare/prepare.js';
import type { PartSizes } from '../../../src/data/prepare/build.js';
import type { TrainEvent } from '../../../src/events.js';
import type { Scratch } from '../scratch.js';
import { startLocalPool } from './local-pool.js';

/** Small corpora in many parts. */

/** So small that files of a few KiB are many extents, and those several pieces. */
export const smallParts: PartSizes = { extentBytes: 3000, pieceLength: 1200 };

/** Whole numbers below n, the same ones every time. */
function createDice(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 16) % n;
  };
}

const words =
  'The the cat CAT dog sat on mat, naïve 猫 Straße ΟΔΟΣ 😀 it’s "quoted" and; or "two\nlines" e\u0301'.split(
    ' ',
  );

/** Rows of texts, some twice, some empty; words in the frequencies of language, many of them once. */
export function makeRows(count: number, seed = 1): { text: string; label: string }[] {
  const dice = createDice(seed);
  return Array.from({ length: count }, (_, i) => {
    const length = i % 17 === 0 ? 0 : 1 + dice(12);
    const text = Array.from({ length }, () => {
      const rank = Math.floor(60 / (1 + dice(60)));
      return dice(9) === 0 ? words[dice(words.length)]! : `w${rank + dice(3)}`;
    });
    if (i % 3 === 0 && length > 0) text.push(`once${i}in${seed}`);
    return { text: text.join(' '), label: ['ham', 'spam', 'maybe'][dice(3)]! };
  });
}

export function toCsv(rows: readonly { text: string; label: string }[]): string {
  const cell = (text: string): string => `"${text.replaceAll('"', '""')}"`;
  return `text,label\n${rows.map(({ text, label }) => `${cell(text)},${label}\n`).join('')}`;
}

export function toJsonLines(rows: readonly { text: string; label: string }[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
}

/** Texts of rows that need no quotation marks within a table's cell. */
export function makePlainTexts(count: number): string[] {
  return makeRows(count).map(({ text }) => text.replaceAll(/["\n\t]/g, ' '));
}

/** The same rows in each format that holds a label beside a text: as a table's cell, a value of JSON, and a column of Parquet. */
export function inFormats(
  texts: readonly string[],
  labels: { cells: readonly unknown[]; json: readonly unknown[] },
  column: { type: 'STRING' | 'DOUBLE'; data: unknown[] },
) {
  const table = (between: string): string =>
    `text${between}label\n${texts.map((text, i) => `"${text}"${between}${String(labels.cells[i])}\n`).join('')}`;
  return {
    csv: table(','),
    tsv: table('\t'),
    jsonl: texts.map((text, i) => `${JSON.stringify({ text, label: labels.json[i] })}\n`).join(''),
    parquet: Buffer.from(
      parquetWriteBuffer({
        columnData: [
          { name: 'text', data: [...texts], type: 'STRING' },
          { name: 'label', ...column },
        ],
      }),
    ),
  };
}

/** Files of rows in several formats. */
export const rowFiles = {
  'a.csv': toCsv(makeRows(160)),
  'b.jsonl': toJsonLines(makeRows(90, 2)),
  'c.csv.gz': gzipSync(toCsv(makeRows(60, 3))),
};

/** Plain texts and rows for a language model. */
export const textFiles = {
  'a.txt': makeRows(200)
    .map(({ text }) => `${text}\n`)
    .join(''),
  'b.jsonl': toJsonLines(makeRows(50, 2)),
  'c.txt.gz': gzipSync(
    makeRows(60, 3)
      .map(({ text }) => text)
      .join('. '),
  ),
};

export interface Preparation {
  readonly corpus: Corpus;
  readonly events: TrainEvent[];
}

/** Prepares corpora that are closed after the test: with one worker on this thread, with several on threads of their own. */
export function usePreparation() {
  const opened: Corpus[] = [];
  afterEach(async () => {
    for (const corpus of opened.splice(0)) await corpus.close();
  });
  return async (config: Config, sizes = smallParts): Promise<Preparation> => {
    const events: TrainEvent[] = [];
    const listen = (event: TrainEvent): unknown => events.push(event);
    const options = { sizes, ...(config.workers === 1 && { startPool: startLocalPool }) };
    const corpus = await prepareCorpus(config, listen, options);
    opened.push(corpus);
    return { corpus, events };
  };
}

/** For one worker, with stores in a scratch directory. */
export function configureIn(
  { path }: Scratch,
  task: Config['task'],
  data: Record<string, unknown>,
  model: Record<string, unknown> = {},
): Config {
  return configure(task, { ...data, storeDir: path('stores') }, 1, model);
}

export function configure(
  task: Config['task'],
  data: Record<string, unknown>,
  workers = 1,
  model: Record<string, unknown> = {},
): Config {
  return configSchema.parse({ task, workers, data, model });
}

/** SHA-256 over the names and bytes of all files of a directory. */
export async function digest(dir: string): Promise<string> {
  const hash = createHash('sha256');
  for (const name of (await readdir(dir)).sort()) {
    hash.update(name).update(await readFile(join(dir, name)));
  }
  return hash.digest('hex');
}

/** Few workers and many, small parts and whole files. */
const DIVISIONS: readonly (readonly [workers: number, sizes: PartSizes])[] = [
  [1, smallParts],
  [4, smallParts],
  [1, { extentBytes: 1e6, pieceLength: 1e6 }],
];

/** Has the same corpus prepared into a directory for each way to divide the work, and expects the same bytes in all of them. */
export async function expectSameBytes(
  prepare: ReturnType<typeof usePreparation>,
  { path }: Scratch,
  configOf: (storeDir: string, workers: number) => Config,
  divisions = DIVISIONS,
): Promise<void> {
  const digests = new Set<string>();
  for (const [i, [workers, sizes]] of divisions.entries()) {
    const { corpus } = await prepare(configOf(path(`stores-${i}`), workers), sizes);
    digests.add(await digest(corpus.storeDir));
  }
  expect(digests.size).toBe(1);
}
