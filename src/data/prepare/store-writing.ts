import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../errors.js';
import { featureFile } from '../store/file-names.js';
import type { FileManifest, SplitManifest, Statistics } from '../store/manifest.js';
import { numbersOf } from '../features/features.js';
import type { CorpusPlan } from './plan.js';
import { recordBytes, sourceLabel, writeRecord } from '../store/row-record.js';
import { taskOf } from '../../tasks/registry.js';
import { namePlace } from '../formats/row-error.js';
import type { BySplit, PieceShare, SplitName } from './work/split.js';
import type { EncodeInput, EncodeOutcome } from './work/encode.js';
import { type EncodeJob, labelWordsOf } from './work/job.js';
import { inOrder, type PreparePool } from './pool.js';
import { addStatistics, emptyStatistics } from './work/statistics.js';
import { listNames } from '../input/names.js';

/** The coordinator's side of the third stage: the files of the splits. */

const splitNames = ['train', 'validation', 'test'] as const;

/** A split of the store that is being written. */
interface SplitPlan {
  rows: number;
  tokens: number;
  /** Of pairs. */
  sourceTokens: number;
  /** By index of the source. */
  readonly sources: SplitManifest['sources'];
  readonly statistics: Statistics;
}

/**
 * Writes the files of all splits.
 *
 * @param path Of the job's file.
 * @param linesBefore Of each piece's source before the extent that the piece is of.
 * @throws UserError for a class that the training split does not have, and for files without text.
 */
export async function writeStore(
  plan: CorpusPlan,
  job: EncodeJob,
  path: string,
  linesBefore: readonly number[],
  pool: PreparePool,
): Promise<{ splits: BySplit<SplitManifest>; statistics: BySplit<Statistics> }> {
  const { splits, places, emptied } = await planSplits(job, path, pool);
  requireText(plan, job, splits, emptied);
  for (const [name, split] of splits) await allocate(job, name, split);
  await inOrder(
    job.pieces.map((_, index) => index),
    pool.workers,
    (index) => pool.run('encode', { job: path, index, places: places[index]! }),
    (outcome, index) => take(job, plan, linesBefore, splits, outcome, index),
  );
  const written: BySplit<SplitManifest> = {};
  const statistics: BySplit<Statistics> = {};
  for (const [name, split] of splits) {
    written[name] = await finish(job, name, split, pool);
    statistics[name] = split.statistics;
  }
  return { splits: written, statistics };
}

type Places = EncodeInput['places'];

/** Finds out where in the files each piece's share will be, and which splits have rows, but nothing of them to write. */
async function planSplits(
  job: EncodeJob,
  path: string,
  pool: PreparePool,
): Promise<{
  splits: Map<SplitName, SplitPlan>;
  places: Places[];
  emptied: ReadonlySet<SplitName>;
}> {
  const splits = new Map<SplitName, SplitPlan>();
  const places: Places[] = [];
  const take = (shares: BySplit<PieceShare>, index: number): void => {
    const at: Places = new Map();
    for (const name of splitNames) {
      const share = shares[name];
      if (share === undefined) continue;
      const split = splits.get(name) ?? openSplit(job);
      splits.set(name, split);
      const { rows, tokens, sourceTokens } = split;
      at.set(name, { row: rows, token: tokens, ...(job.pairs && { sourceToken: sourceTokens }) });
      split.sourceTokens += share.sourceTokens ?? 0;
      split.rows += share.rows;
      split.tokens += share.tokens;
      countSource(split, job.pieces[index]!.source, share);
    }
    places.push(at);
  };
  await inOrder(
    job.pieces.map((_, index) => index),
    pool.workers,
    (index) => pool.run('measure', { job: path, index }),
    take,
  );
  if (taskOf(job.task).rows === 'joined') {
    for (const split of splits.values()) countStreams(split);
  }
  const emptied = new Set<SplitName>();
  for (const [name, split] of splits) {
    if (split.tokens > 0) continue;
    splits.delete(name);
    emptied.add(name);
    for (const at of places) at.delete(name);
  }
  return { splits, places, emptied };
}

function openSplit({ classes }: EncodeJob): SplitPlan {
  return {
    rows: 0,
    tokens: 0,
    sourceTokens: 0,
    sources: [],
    statistics: emptyStatistics(classes.length),
  };
}

function countSource({ sources }: SplitPlan, source: number, share: PieceShare): void {
  if (sources.at(-1)?.source !== source) sources.push({ source, rows: 0, tokens: 0 });
  const counts = sources.at(-1)!;
  counts.rows += share.rows;
  counts.tokens += share.tokens;
  if (share.sourceTokens === undefined) return;
  counts.sourceTokens = (counts.sourceTokens ?? 0) + share.sourceTokens;
}

/** For language models a row is what a split has of a source. */
function countStreams(split: SplitPlan): void {
  const held = split.sources.filter(({ tokens }) => tokens > 0);
  split.sources.splice(0, Infinity, ...held.map((each) => ({ ...each, rows: 1 })));
  split.rows = held.length;
}

function requireText(
  plan: CorpusPlan,
  { pairs }: EncodeJob,
  splits: ReadonlyMap<SplitName, SplitPlan>,
  emptied: ReadonlySet<SplitName>,
): void {
  for (const name of splitNames) {
    if (splits.has(name)) continue;
    // A split of its own files; a share of others may be small.
    const isNamed = name === 'train' || plan.sources.some(({ from }) => from === name);
    if (pairs && isNamed && emptied.has(name)) {
      const doubt = pairs.areHeld
        ? ': is minCount of a tokenizer too large for so little text?'
        : '.';
      throw new UserError(
        `${plan.named[name]}: expected pairs whose sides both have tokens of the vocabulary, found none${doubt}`,
      );
    }
    // A fraction of a small corpus may be nothing; files that hold nothing are a mistake.
    if (isNamed) {
      throw new UserError(`${plan.named[name]} has no text: the files are empty.`);
    }
  }
}

async function allocate(job: EncodeJob, name: string, split: SplitPlan): Promise<void> {
  const { dir, idBytes, task, features } = job;
  const files = [
    ['tokens', split.tokens] as const,
    ...(taskOf(task).gives === 'tokens' ? [['tags', split.tokens] as const] : []),
    ...(job.pairs ? [['source', split.sourceTokens] as const] : []),
    ...features.map((each, i) => [featureFile(i), split.tokens * numbersOf(each)] as const),
  ];
  for (const [kind, length] of files) {
    const ids = await open(join(dir, `${name}.${kind}`), 'wx');
    await ids.truncate(length * idBytes);
    await ids.close();
  }
  const rows = await open(join(dir, `${name}.rows`), 'wx');
  try {
    // Workers write the records of rows; here those that they do not know of.
    const records = taskOf(task).rows === 'joined' ? streamRecords(split) : [];
    const size = recordBytes(labelWordsOf(job));
    const bytes = Buffer.alloc((records.length + 1) * size);
    records.forEach((record, i) => writeRecord(bytes, i * size, record));
    const label = job.pairs ? sourceLabel(split.sourceTokens) : new Int32Array(labelWordsOf(job));
    const end = { start: split.tokens, label, source: 0, row: 0 };
    writeRecord(bytes, records.length * size, end);
    await rows.write(bytes, 0, bytes.length, (split.rows - records.length) * size);
  } finally {
    await rows.close();
  }
}

function streamRecords({ sources }: SplitPlan) {
  let start = 0;
  return sources.map(({ source, tokens }) => {
    const record = { start, label: -1, source, row: 1 };
    start += tokens;
    return record;
  });
}

function take(
  job: EncodeJob,
  plan: CorpusPlan,
  linesBefore: readonly number[],
  splits: ReadonlyMap<SplitName, SplitPlan>,
  outcome: EncodeOutcome,
  index: number,
): void {
  if (outcome.kind === 'unknown class') {
    const source = plan.sources[job.pieces[index]!.source]!;
    const place = namePlace(source, linesBefore[index]! + outcome.line);
    const { one, several } = taskOf(job.task).named;
    if (plan.vocabulary !== undefined) {
      throw new UserError(
        `${place}: expected one of the model's ${several} (${listNames(job.classes)}), got ${JSON.stringify(outcome.label)}`,
      );
    }
    throw new UserError(
      `${place}: the ${one} ${JSON.stringify(outcome.label)} ` +
        `has no row in the training split, which has ${listNames(job.classes)}: ` +
        `add rows of that ${one}, or change data.validation (a fraction draws rows out of data.train by chance)`,
    );
  }
  for (const name of splitNames) {
    const split = splits.get(name);
    const counted = outcome.statistics[name];
    if (split !== undefined && counted !== undefined) addStatistics(split.statistics, counted);
  }
}

async function finish(
  job: EncodeJob,
  name: SplitName,
  { rows, tokens, sourceTokens, sources, statistics }: SplitPlan,
  pool: PreparePool,
): Promise<SplitManifest> {
  const { dir, task, maxLength, features } = job;
  const describe = async (
    kind: 'tokens' | 'tags' | 'source' | 'rows' | ReturnType<typeof featureFile>,
  ) => {
    const path = join(dir, `${name}.${kind}`);
    // A file of gigabytes takes seconds for either.
    const [file] = await Promise.all([pool.run('checksums', { path }), sync(path)]);
    return file;
  };
  const longestRow =
    taskOf(task).rows === 'apart'
      ? Math.min(Math.max(statistics.longest[0]!.tokens, 1), maxLength)
      : sources.reduce((most, each) => Math.max(most, each.tokens), 0);
  const [tokensFile, rowsFile] = await Promise.all([describe('tokens'), describe('rows')]);
  const tagsFile = taskOf(task).gives === 'tokens' ? await describe('tags') : undefined;
  const source = job.pairs && {
    tokens: sourceTokens,
    longestRow: Math.min(Math.max(statistics.source!.longestRow, 1), job.pairs.maxSourceLength),
    file: await describe('source'),
  };
  const featureFiles: FileManifest[] = [];
  for (const i of features.keys()) featureFiles.push(await describe(featureFile(i)));
  return {
    ...{ rows, tokens, longestRow, sources, tokensFile },
    ...(tagsFile && { tagsFile }),
    ...(source && { source }),
    ...(featureFiles.length > 0 && { featureFiles }),
    ...(taskOf(task).target === 'labels' && { labelWords: labelWordsOf(job) }),
    rowsFile,
  };
}

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r+');
  await file.sync();
  await file.close();
}
