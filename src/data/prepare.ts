import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../config/schema.js';
import { UserError } from '../errors.js';
import type { TrainListener } from '../train/events.js';
import { type Corpus, openCorpus, readManifest } from './corpus.js';
import { encodeCorpus } from './encoding.js';
import { errorCode } from './error-code.js';
import { type Manifest, manifestName } from './manifest.js';
import { type CorpusPlan, planCorpus, type PlannedSource } from './plan.js';
import { PrepareProgress } from './progress.js';
import { readBytes } from './source-text.js';
import { learnVocabulary } from './vocabulary.js';

/**
 * Makes the token store of a configuration's corpus, or opens the one that is there if its sources
 * and options are the same.
 *
 * @param listener Hears `prepare` events, and a notice when a split is empty or a store damaged.
 * @throws UserError that names file and line of what cannot be used.
 */
export async function prepareCorpus(config: Config, listener: TrainListener): Promise<Corpus> {
  const plan = await planCorpus(config);
  const dir = join(config.data.storeDir, plan.key);
  const progress = new PrepareProgress(listener, dir);
  const { corpus, phase } = await openOrBuild(config, plan, dir, progress, listener);
  const stores = [corpus.train, corpus.validation, corpus.test].filter((store) => store != null);
  progress.done(phase, {
    rows: stores.reduce((rows, store) => rows + store.rows, 0),
    tokens: stores.reduce((tokens, store) => tokens + store.tokens, 0),
  });
  for (const split of ['validation', 'test'] as const) {
    if (plan.fractions[split] === 0 || corpus[split] !== undefined) continue;
    listener({
      type: 'notice',
      message: `The corpus is so small that data.${split} (${plan.fractions[split]}) takes no row of it.`,
    });
  }
  return corpus;
}

async function openOrBuild(
  config: Config,
  plan: CorpusPlan,
  dir: string,
  progress: PrepareProgress,
  listener: TrainListener,
): Promise<{ corpus: Corpus; phase: 'reused' | 'done' }> {
  const current = await openCurrent(plan, dir).catch((error: unknown) => {
    if (!(error instanceof UserError)) throw error;
    listener({ type: 'notice', message: `${error.message} The token store is made anew.` });
    return undefined;
  });
  if (current !== undefined) return { corpus: current, phase: 'reused' };
  const manifest = await buildStore(config, plan, dir, progress);
  return { corpus: await openCorpus(dir, manifest), phase: 'done' };
}

async function openCurrent(plan: CorpusPlan, dir: string): Promise<Corpus | undefined> {
  const manifest = await readManifest(dir);
  if (manifest === undefined) return undefined;
  let touched = false;
  for (const [i, source] of plan.sources.entries()) {
    const known = manifest.sources[i];
    if (known === undefined) return undefined;
    if (known.bytes !== source.stamp.bytes) return undefined;
    if (known.modified === source.stamp.modified) continue;
    // A fresh clone or a copy has new times; the content decides.
    if (known.sha256 !== (await hashContent(source))) return undefined;
    known.modified = source.stamp.modified;
    touched = true;
  }
  const corpus = await openCorpus(dir, manifest);
  if (touched) await writeManifest(dir, manifest);
  return corpus;
}

async function hashContent(source: PlannedSource): Promise<string> {
  const content = createHash('sha256');
  for await (const bytes of readBytes(source)) content.update(bytes);
  return content.digest('hex');
}

/** Builds beside the final place and moves there when all is on disk, so that a kill leaves no half. */
async function buildStore(
  config: Config,
  plan: CorpusPlan,
  dir: string,
  progress: PrepareProgress,
): Promise<Manifest> {
  await mkdir(config.data.storeDir, { recursive: true });
  await removeLeftovers(config.data.storeDir, plan.key);
  const partial = await mkdtemp(`${dir}.${ownMark()}-`);
  try {
    const vocabulary = await learnVocabulary(config, plan, progress);
    const manifest = await encodeCorpus(config, plan, vocabulary, partial, progress);
    await writeManifest(partial, manifest);
    await replaceDirectory(partial, dir);
    await syncPath(config.data.storeDir);
    return manifest;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

const mark = 'partial';

/** Ends the name of a directory that this process is working on. */
function ownMark(): string {
  return `${mark}-${hostname()}-${process.pid}`;
}

/** Removes what processes of this machine left behind when they were killed. */
async function removeLeftovers(storeDir: string, key: string): Promise<void> {
  const ours = `${key}.${mark}-${hostname()}-`;
  for (const name of await readdir(storeDir)) {
    if (!name.startsWith(ours)) continue;
    if (isRunning(Number.parseInt(name.slice(ours.length), 10))) continue;
    await rm(join(storeDir, name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs, under another user.
    return errorCode(error) === 'EPERM';
  }
}

async function replaceDirectory(from: string, to: string): Promise<void> {
  const old = `${from}.old`;
  try {
    await rename(to, old);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
  await rename(from, to);
  await rm(old, { recursive: true, force: true });
}

async function writeManifest(dir: string, manifest: Manifest): Promise<void> {
  const path = join(dir, manifestName);
  const partial = `${path}.${ownMark()}`;
  await writeFile(partial, `${JSON.stringify(manifest, undefined, 1)}\n`, { flush: true });
  await rename(partial, path);
  await syncPath(dir);
}

/** Makes the names in a directory last through a power cut. */
async function syncPath(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  await handle.sync();
  await handle.close();
}
