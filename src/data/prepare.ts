import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config/schema.js';
import { UserError } from '../errors.js';
import type { TrainListener } from '../train/events.js';
import { type Corpus, openCorpus, readManifest } from './corpus.js';
import { errorCode } from './error-code.js';
import { type Manifest, manifestName, quarantineName } from './manifest.js';
import { type CorpusPlan, planCorpus } from './plan.js';
import { buildStore, type PartSizes } from './prepare/build.js';
import {
  explainDiskError,
  ownMark,
  removeLeftovers,
  syncDirectory,
  writeJson,
} from './prepare/leftovers.js';
import { hashContent } from './prepare/survey.js';
import { PrepareProgress } from './progress.js';

/** In `data.storeDir`, where what has been cut is kept for the next time. */
const cacheName = 'pieces';

/**
 * Makes the token store of a configuration's corpus, or opens the one that is there if its sources
 * and options are the same.
 *
 * @param listener Hears `prepare` events, workers that die, and a notice when a split is empty, rows
 *   were left out or a store is damaged.
 * @param sizes Of the parts into which the corpus is divided; the usual ones when absent.
 * @throws UserError that names file and line of what cannot be used.
 */
export async function prepareCorpus(
  config: Config,
  listener: TrainListener,
  sizes?: PartSizes,
): Promise<Corpus> {
  const plan = await planCorpus(config, (message) => listener({ type: 'notice', message }));
  const dir = join(config.data.storeDir, plan.key);
  const progress = new PrepareProgress(listener, dir);
  let corpus = await openCurrent(plan, dir).catch((error: unknown) => {
    if (!(error instanceof UserError)) throw error;
    listener({ type: 'notice', message: `${error.message} The token store is made anew.` });
    return undefined;
  });
  const phase = corpus === undefined ? 'done' : 'reused';
  if (corpus === undefined) {
    const manifest = await makeStore(config, plan, dir, progress, listener, sizes);
    corpus = await openCorpus(dir, manifest, weightsOf(plan));
  }
  const stores = [corpus.train, corpus.validation, corpus.test].filter((store) => store != null);
  progress.done(phase, {
    rows: stores.reduce((rows, store) => rows + store.rows, 0),
    tokens: stores.reduce((tokens, store) => tokens + store.tokens, 0),
  });
  for (const message of describeLosses(config, plan, corpus, phase)) {
    listener({ type: 'notice', message });
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
  const left = corpus.manifest.sources.reduce((rows, { badRows }) => rows + badRows, 0);
  if (left === 0 || phase === 'reused') return;
  const rows = left === 1 ? '1 row was' : `${left} rows were`;
  const where = onBadRow === 'quarantine' ? `, see ${join(corpus.storeDir, quarantineName)}` : '';
  yield `${rows} left out, because they cannot be used${where}.`;
}

async function openCurrent(plan: CorpusPlan, dir: string): Promise<Corpus | undefined> {
  const manifest = await readManifest(dir);
  if (manifest?.sources.length !== plan.sources.length) return undefined;
  let touched = false;
  for (const [i, source] of plan.sources.entries()) {
    const known = manifest.sources[i]!;
    if (known.path !== source.path || known.from !== source.from) return undefined;
    if (known.bytes !== source.stamp.bytes) return undefined;
    if (known.modified === source.stamp.modified) continue;
    // A fresh clone or a copy has new times; the content decides.
    if (known.sha256 !== (await hashContent(source))) return undefined;
    known.modified = source.stamp.modified;
    touched = true;
  }
  const corpus = await openCorpus(dir, manifest, weightsOf(plan));
  if (touched) await writeJson(join(dir, manifestName), manifest);
  return corpus;
}

function weightsOf({ sources }: CorpusPlan): number[] {
  return sources.map(({ weight }) => weight);
}

/** Builds beside the final place and moves there when all is on disk, so that a kill leaves no half. */
async function makeStore(
  config: Config,
  plan: CorpusPlan,
  dir: string,
  progress: PrepareProgress,
  listener: TrainListener,
  sizes?: PartSizes,
): Promise<Manifest> {
  const { storeDir } = config.data;
  const cacheDir = join(storeDir, cacheName);
  let partial = '';
  try {
    await mkdir(cacheDir, { recursive: true });
    await removeLeftovers(storeDir);
    partial = await mkdtemp(`${dir}.${ownMark()}-`);
    const store = join(partial, 'store');
    const scratch = join(partial, 'scratch');
    await mkdir(store);
    await mkdir(scratch);
    const place = { cacheDir, dir: store, scratch };
    const manifest = await buildStore(config, plan, place, progress, listener, sizes);
    await writeJson(join(store, manifestName), manifest);
    await replaceDirectory(store, dir, join(partial, 'old'));
    await syncDirectory(storeDir);
    return manifest;
  } catch (error) {
    const message = explainDiskError(error, storeDir);
    throw message === undefined ? error : new UserError(message, { cause: error });
  } finally {
    if (partial !== '') await rm(partial, { recursive: true, force: true });
  }
}

async function replaceDirectory(from: string, to: string, old: string): Promise<void> {
  try {
    await rename(to, old);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
  await rename(from, to);
}
