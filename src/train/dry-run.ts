import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BatchFeed } from '../compute/batch-feed.js';
import { copyPlaces } from '../config/places.js';
import type { NamedConfig } from '../config/load.js';
import { standardInput } from '../data/input/sources.js';
import { openPrepared, prepareCorpus } from '../data/prepare/prepare.js';
import { planCorpus } from '../data/prepare/plan.js';
import type { Corpus } from '../data/store/corpus.js';
import { UserError } from '../errors.js';
import type { StartEvent, StepEvent, TrainListener } from '../events.js';
import { SLOT } from '../model/sizes.js';
import { flopsPerStep } from '../model/graph/describe.js';
import { summarizeNetwork, type LayerSummary } from '../model/graph/summary.js';
import { longestRow } from '../compute/sizes.js';
import { describeSettled, settlePrecision } from '../run/settle-precision.js';
import { restOf } from './course.js';
import { expectFeasible, expectMeasured } from './feasible.js';
import { createSetting } from './setting.js';
import { describeStart } from './start-event.js';
import { StepLoop } from './step-loop.js';
import { readSample } from './validation-translations.js';

/** What a run would be, as far as it can be known without training. */
export interface DryRun {
  start: StartEvent;
  layers: LayerSummary[];
  /** Where the token store lies; absent where it was made for this look alone. */
  storeDir?: string;
  /** Of the steps that were timed: seconds and tokens of one on the average. */
  timedSteps: number;
  stepSeconds: number;
  stepTokens: number;
  stepFlops: number;
  /** Evaluations of the whole run, and about how long one takes. */
  evaluations: number;
  evaluationSeconds: number;
  /** Steps and evaluations of the whole run. */
  totalSeconds: number;
}

/** Bytes of files that are prepared for a look; more are to be prepared for good. */
const MOST_BYTES = 256 * 2 ** 20;

/** Steps before time is taken, at least so many after them, and for how long. */
const WARM_UP = 2;
const FEWEST = 3;
const MOST = 40;
const SECONDS = 2;

/** What going forward alone costs of going back as well. */
const FORWARD_SHARE = 1 / 3;

/**
 * Does all that a training does before its first step, and some steps to time them; writes nothing that stays: data that is not
 * prepared yet is prepared in a temporary directory.
 *
 * @throws UserError for what training would refuse, and for much data that is not prepared yet; the reason of a signal that
 *   aborts
 */
export async function dryRun(
  asked: NamedConfig,
  runDir: string,
  listener: TrainListener,
  signal?: AbortSignal,
): Promise<DryRun> {
  const notify = (message: string): void => listener({ type: 'notice', message });
  const config = settlePrecision(asked);
  if (config !== asked) notify(describeSettled(config, false));
  expectFeasible(config, notify);
  const prepared = await openOrPrepare(config, listener, signal);
  try {
    return await look(config, runDir, prepared, listener, signal);
  } finally {
    await prepared.close();
  }
}

interface Prepared {
  corpus: Corpus;
  storeDir?: string;
  close(): Promise<void>;
}

async function openOrPrepare(
  config: NamedConfig,
  listener: TrainListener,
  signal: AbortSignal | undefined,
): Promise<Prepared> {
  const { train, validation, test } = config.data;
  if ([train, validation, test].flat().includes(standardInput)) {
    throw new UserError('--dry-run: expected files, since standard input is read once, got "-"');
  }
  // What is worth telling of the files is told once.
  const found = await openPrepared(config, () => undefined);
  if (found) return { corpus: found, storeDir: found.storeDir, close: () => found.close() };
  const { sources } = await planCorpus(config, () => undefined);
  let bytes = 0;
  for (const { path, target } of sources) {
    for (const each of target ? [path, target.path] : [path]) bytes += (await stat(each)).size;
  }
  if (bytes > MOST_BYTES) {
    throw new UserError(
      `data.train: its files are not prepared yet, and too large to be prepared for a look alone: run prepare first, whose token store training uses, too`,
    );
  }
  signal?.throwIfAborted();
  const place = await mkdtemp(join(tmpdir(), 'lockstep-look-'));
  const remove = (): Promise<void> => rm(place, { recursive: true, force: true });
  try {
    const elsewhere = { ...config, data: { ...config.data, storeDir: place } };
    copyPlaces(config, elsewhere);
    const corpus = await prepareCorpus(elsewhere, listener, { signal });
    const close = async (): Promise<void> => {
      await corpus.close();
      await remove();
    };
    return { corpus, close };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function look(
  config: NamedConfig,
  runDir: string,
  { corpus, storeDir }: Prepared,
  listener: TrainListener,
  signal: AbortSignal | undefined,
): Promise<DryRun> {
  expectMeasured(config, corpus);
  const sample = await readSample(config, corpus, (message) =>
    listener({ type: 'notice', message }),
  );
  const { course } = restOf(config, corpus, sample, undefined);
  const setting = await createSetting(config, corpus, { sample }, { listener });
  try {
    const steps = await timeSteps(config, setting, course.totalSteps, signal);
    const { shape } = setting.engine.handle.sizes;
    const mean = (of: (step: StepEvent) => number): number =>
      steps.reduce((sum, step) => sum + of(step), 0) / Math.max(1, steps.length);
    const stepSeconds = mean(({ duration }) => duration);
    const stepTokens = mean(({ tokens }) => tokens);
    const evaluations = corpus.validation ? Math.ceil(course.totalSteps / course.everySteps) : 0;
    const evaluationSeconds =
      stepTokens === 0
        ? 0
        : ((corpus.validation?.tokens ?? 0) / stepTokens) * stepSeconds * FORWARD_SHARE;
    const sourceShare = (corpus.train.source?.tokens ?? 0) / corpus.train.tokens;
    const start = describeStart(
      runDir,
      config,
      setting,
      { fromStep: 0, totalSteps: course.totalSteps },
      undefined,
    );
    return {
      start,
      layers: summarizeNetwork(shape, longestRow(config)),
      ...(storeDir !== undefined && { storeDir }),
      ...{ timedSteps: steps.length, stepSeconds, stepTokens },
      stepFlops: flopsPerStep(
        shape,
        stepTokens,
        mean(({ rows }) => rows),
        stepTokens * sourceShare,
      ),
      ...{ evaluations, evaluationSeconds },
      totalSeconds: course.totalSteps * stepSeconds + evaluations * evaluationSeconds,
    };
  } finally {
    await setting.close();
  }
}

/** The first steps of the training, whose weights are thrown away. */
async function timeSteps(
  config: NamedConfig,
  { engine, source, updates }: Awaited<ReturnType<typeof createSetting>>,
  totalSteps: number,
  signal: AbortSignal | undefined,
): Promise<StepEvent[]> {
  const events: StepEvent[] = [];
  const loop = new StepLoop(engine, config.train, (event) => {
    if (event.type === 'step') events.push(event);
  });
  await engine.initialize(config.train.seed);
  const feed = new BatchFeed(engine, source, SLOT.training);
  let begun = performance.now();
  for (let step = 0; step < Math.min(totalSteps, WARM_UP + MOST); step++) {
    signal?.throwIfAborted();
    await loop.step(feed, step, totalSteps, updates);
    if (step + 1 === WARM_UP) begun = performance.now();
    const enough = step + 1 >= WARM_UP + FEWEST && performance.now() - begun > 1000 * SECONDS;
    if (enough) break;
  }
  return events.length > WARM_UP ? events.slice(WARM_UP) : events;
}
