import { mkdir, readdir, rename } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Config } from '../../config/schema.js';
import { UserError } from '../../errors.js';
import { type FileLock, takeLock } from '../../system/file-lock.js';
import {
  makeDirectory,
  unmakeDirectories,
  type MadeDirectory,
} from '../../system/make-directory.js';
import type { TrainListener } from '../../events.js';
import { type Corpus, openCorpus, readManifest } from '../store/corpus.js';
import { errorCode } from '../../system/error-code.js';
import { manifestName, quarantineName } from '../store/file-names.js';
import type { Manifest } from '../store/manifest.js';
import { describeOddities, refuseEmptyTexts } from './oddities.js';
import { type CorpusPlan, hash, planCorpus } from './plan.js';
import { type BuildOptions, buildStore } from './build.js';
import { discardInput } from './kept-input.js';
import { explainDiskError } from '../../system/disk-errors.js';
import { requireUnchanged } from './source-cache.js';
import { hashContent } from './work/survey.js';
import { count } from './work/tally.js';
import { lockEnding, openWorkplace, type Workplace } from './workplace.js';
import { PrepareProgress } from './progress.js';
import { missingAsUndefined, syncDirectory, writeSealed } from '../store/sealed-json.js';
import { sameStamp } from '../input/sources.js';
import { taskOf } from '../../tasks/registry.js';
import { schemeOf } from '../../tasks/transitions.js';
import { counted } from '../../system/counted.js';

/** In `data.storeDir`, where what has been cut is kept for the next time. */
const cacheName = 'pieces';

/**
 * Makes the token store of a configuration's corpus, or opens the one that is there if its sources
 * and options are the same.
 *
 * @param listener Hears `prepare` events, workers that die, and a notice when a split is empty, rows
 *   were left out or a store is damaged.
 * @throws UserError that names file and line of what cannot be used; the reason of a signal that aborts, and then
 *   nothing is left but what spares the next preparation some work.
 */
export async function prepareCorpus(
  config: Config,
  listener: TrainListener,
  options: BuildOptions = {},
): Promise<Corpus> {
  options.signal?.throwIfAborted();
  const notify = (message: string): void => listener({ type: 'notice', message });
  const copying = new PrepareProgress(listener, config.data.storeDir);
  const plan = await planCorpus(config, notify, {
    begin: () => copying.begin('copy', null),
    take: (bytes) => count(copying.tally, 'bytes', bytes),
    signal: options.signal,
  }).finally(() => copying.stop());
  try {
    return await preparePlanned(config, plan, listener, options);
  } catch (error) {
    await discardInput(plan.sources);
    throw error;
  }
}

/**
 * Opens the token store of a configuration's corpus, if there is one whose sources and options are the same; makes none.
 *
 * @throws UserError as `prepareCorpus`, of files that are missing and options that are impossible
 */
export async function openPrepared(
  config: Config,
  notify: (message: string) => void,
): Promise<Corpus | undefined> {
  const plan = await planCorpus(config, notify);
  const { corpus } = await findStore(config, plan);
  if (corpus === undefined) await discardInput(plan.sources);
  return corpus;
}

async function preparePlanned(
  config: Config,
  plan: CorpusPlan,
  listener: TrainListener,
  options: BuildOptions,
): Promise<Corpus> {
  const progress = new PrepareProgress(listener, join(config.data.storeDir, plan.key));
  const found = await findStore(config, plan);
  const { corpus, phase } = found.corpus
    ? { corpus: found.corpus, phase: 'reused' as const }
    : await makeOrAwait(config, plan, found.damage, progress, listener, options);
  try {
    refuseEmptyTexts(config.data, corpus.manifest);
    const stores = [corpus.train, corpus.validation, corpus.test].filter((store) => store != null);
    progress.done(phase, corpus.storeDir, {
      rows: stores.reduce((rows, store) => rows + store.rows, 0),
      tokens: stores.reduce((tokens, store) => tokens + store.tokens, 0),
    });
    for (const message of describeLosses(config, plan, corpus, phase)) {
      listener({ type: 'notice', message });
    }
  } catch (error) {
    await corpus.close();
    throw error;
  }
  return corpus;
}

function* describeLosses(
  { data: { onBadRow } }: Config,
  { fractions }: CorpusPlan,
  corpus: Corpus,
  phase: 'done' | 'reused',
): Generator<string> {
  for (const split of ['validation', 'test'] as const) {
    if (fractions[split] === 0 || corpus[split] !== undefined) continue;
    yield `The corpus is so small that data.${split} (${fractions[split]}) takes no row of it.`;
  }
  yield* describeOddities(corpus.manifest);
  const left = corpus.manifest.sources.reduce((rows, { badRows }) => rows + badRows, 0);
  if (left === 0 || phase === 'reused') return;
  const where = onBadRow === 'quarantine' ? `, see ${join(corpus.storeDir, quarantineName)}` : '';
  yield `${counted(left, 'row was', 'rows were')} left out, because they cannot be used${where}.`;
}

/** What is found of a corpus's store: itself, or why it cannot be used. */
interface Found {
  readonly corpus?: Corpus;
  readonly damage?: string;
}

/** Looks for a store of these contents: at its own place, or at that of a project that was moved. */
async function findStore({ data: { storeDir } }: Config, plan: CorpusPlan): Promise<Found> {
  const names = await readdir(storeDir).catch(missingAsUndefined);
  const others = names?.filter((name) => name !== plan.key && isStoreOf(plan, name)) ?? [];
  let damage: string | undefined;
  for (const name of [plan.key, ...others.sort()]) {
    try {
      const corpus = await openCurrent(plan, join(storeDir, name));
      if (corpus !== undefined) return { corpus };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      if (name === plan.key) damage = error.message;
    }
  }
  return { ...(damage !== undefined && { damage }) };
}

function isStoreOf({ kind }: CorpusPlan, name: string): boolean {
  return name.startsWith(`${kind}-`) && !name.includes('.');
}

async function openCurrent(plan: CorpusPlan, dir: string): Promise<Corpus | undefined> {
  const manifest = await readManifest(dir);
  if (manifest?.sources.length !== plan.sources.length) return undefined;
  const known = plan.sources.map((source, i) => ({ source, known: manifest.sources[i]! }));
  for (const { source, known: each } of known) {
    if (each.path !== source.path || each.target !== source.target?.path) return undefined;
    if (each.from !== source.from) return undefined;
    if (each.bytes !== source.stamp.bytes) return undefined;
  }
  if (lacksScheme(manifest) || lacksMixed(manifest, plan)) return undefined;
  if (lacksSourceTokens(manifest, plan) || holdsEmptyPairs(manifest)) return undefined;
  let touched = false;
  for (const { source, known: each } of known) {
    if (sameStamp(each, source.stamp)) continue;
    // A fresh clone or a copy has new times; the content decides.
    if (each.sha256 !== (await hashContent(source))) return undefined;
    await requireUnchanged(source);
    Object.assign(each, source.stamp);
    touched = true;
  }
  const corpus = await openCorpus(dir, manifest, weightsOf(plan));
  // Where nothing can be written, contents are compared again the next time.
  if (touched) await writeSealed(join(dir, manifestName), manifest).catch(ignoreDiskError);
  return corpus;
}

/** Whether a store is from before it was counted how its tags keep to their scheme: it would read as if they all did. */
function lacksScheme({ classes, splits, statistics }: Manifest): boolean {
  const { rows, tagsFile } = splits.train;
  if (tagsFile === undefined || rows === 0) return false;
  return statistics.train.scheme === undefined && schemeOf(classes) !== undefined;
}

/** The same of labels that JSON writes in two ways. */
function lacksMixed(
  { classes, mixedClasses, options }: Manifest,
  { sources }: CorpusPlan,
): boolean {
  if (taskOf(options.task).per === 'token' || classes.length === 0) return false;
  return mixedClasses === undefined && sources.some(({ format }) => format === 'jsonl');
}

/** The same of the tokens of each source's pairs, which weights of sources are told of. */
function lacksSourceTokens({ splits }: Manifest, { sources }: CorpusPlan): boolean {
  const { source, sources: counts } = splits.train;
  if (source === undefined || sources.every(({ weight }) => weight === 1)) return false;
  return counts.some(({ sourceTokens }) => sourceTokens === undefined);
}

/** Whether a store is from before pairs were left out, of any split, of which the vocabulary knows no token of a side. */
function holdsEmptyPairs({ splits, statistics }: Manifest): boolean {
  const all = Object.values(statistics);
  return splits.train.source !== undefined && all.some((each) => (each?.emptyRows ?? 0) > 0);
}

function ignoreDiskError(error: unknown): void {
  if (errorCode(error) === '') throw error;
}

function weightsOf({ sources }: CorpusPlan): number[] {
  return sources.map(({ weight }) => weight);
}

interface Made {
  readonly corpus: Corpus;
  readonly phase: 'done' | 'reused';
}

/** Makes the store; where another process is about to make the same one, waits for it and uses that. */
async function makeOrAwait(
  config: Config,
  plan: CorpusPlan,
  damage: string | undefined,
  progress: PrepareProgress,
  listener: TrainListener,
  options: BuildOptions,
): Promise<Made> {
  const { storeDir } = config.data;
  const notice = (message: string): void => listener({ type: 'notice', message });
  let workplace: Workplace | undefined;
  let lock: FileLock | undefined;
  const made: MadeDirectory[] = [];
  try {
    made.push(...(await makeDirectory(storeDir)));
    lock = await lockMaking(storeDir, plan, notice, options.signal);
    const found = await findStore(config, plan);
    if (found.corpus) return { corpus: found.corpus, phase: 'reused' };
    if (found.damage !== undefined) notice(`${found.damage} The token store is made anew.`);
    workplace = await openWorkplace(storeDir, plan.key);
    const corpus = await makeStore(config, plan, workplace, progress, listener, options);
    return { corpus, phase: 'done' };
  } catch (error) {
    const message = explainDiskError(error, storeDir);
    if (message === undefined) throw error;
    const why = damage === undefined ? '' : `${damage} `;
    throw new UserError(`${why}${message}`, { cause: error });
  } finally {
    await workplace?.close();
    lock?.release();
    // Where nothing came to lie in them.
    unmakeDirectories(made);
  }
}

/**
 * Waits until nobody else makes a store of the same files as they are now. It saves work and nothing else depends
 * on it: who has other files, or the same ones at another time, waits for nobody.
 */
async function lockMaking(
  storeDir: string,
  { key, sources }: CorpusPlan,
  notice: (message: string) => void,
  signal: AbortSignal | undefined,
): Promise<FileLock> {
  const files = hash(sources.map(({ path, from, stamp }) => [resolve(path), from, stamp]));
  let told = false;
  return takeLock(join(storeDir, `${key}-${files.slice(0, 8)}${lockEnding}`), {
    notice,
    onHeld: (holder) => {
      signal?.throwIfAborted();
      if (!told) notice(`Waiting for ${holder}, which prepares the same data.`);
      told = true;
    },
  });
}

/** Builds in the workplace and moves there when all is on disk, so that a kill leaves no half. */
async function makeStore(
  config: Config,
  plan: CorpusPlan,
  workplace: Workplace,
  progress: PrepareProgress,
  listener: TrainListener,
  options: BuildOptions,
): Promise<Corpus> {
  const { storeDir } = config.data;
  const place = {
    cacheDir: join(storeDir, cacheName),
    dir: join(workplace.dir, 'store'),
    scratch: join(workplace.dir, 'scratch'),
  };
  await mkdir(place.dir);
  await mkdir(place.scratch);
  const manifest = await buildStore(config, plan, place, progress, listener, options);
  await writeSealed(join(place.dir, manifestName), manifest);
  const dir = join(storeDir, plan.key);
  // Opened before others can replace it in turn.
  const corpus = await openCorpus(place.dir, manifest, weightsOf(plan), dir);
  try {
    await replaceDirectory(place.dir, dir, workplace.dir);
    await syncDirectory(storeDir);
  } catch (error) {
    await corpus.close();
    throw error;
  }
  return corpus;
}

/** @param aside Where what stood there goes. */
async function replaceDirectory(from: string, to: string, aside: string): Promise<void> {
  for (let former = 0; ; former++) {
    try {
      await rename(from, to);
      return;
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST'].includes(errorCode(error))) throw error;
    }
    // Another process may do the same at this moment.
    await rename(to, join(aside, `former-${former}`)).catch(missingAsUndefined);
  }
}
