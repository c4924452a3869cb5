import type { Precision } from '../backend/backend.js';
import type { BackendKind } from '../backend/block.js';
import { chooseBackend } from '../backend/select.js';
import { flopsPerStep } from '../model/graph/describe.js';
import { SLOT } from '../model/sizes.js';
import { BatchFeed } from '../compute/batch-feed.js';
import {
  BENCH_CLIP_NORM,
  BENCH_OPTIMIZER,
  randomBatches,
  sizesOf,
  tokensOf,
  type BenchCase,
} from './bench-cases.js';
import { Engine } from '../compute/engine.js';
import { allocateEngine } from '../compute/allocate-engine.js';
import type { StepEvent } from '../events.js';
import { measurePeaks } from './peak.js';
import { createWorkerPool } from '../compute/pool.js';
import { StepLoop } from '../train/step-loop.js';
import { Updates } from '../train/updates.js';

export interface BenchResult {
  case: string;
  backend: string;
  precision: Precision;
  workers: number;
  teams: number;
  stepMs: number;
  tokensPerSecond: number;
  gflops: number;
  /** What all workers' cores reach together on multiply-adds alone, measured just before and after. */
  peakGflops: number;
  peakShare: number;
  /** Share of the step outside of the workers' tasks. */
  idleShare: number;
  /** Milliseconds of a median step by kind of work. */
  phases: Record<string, number>;
}

export interface BenchOptions {
  workers: number;
  teams?: number;
  backend: 'auto' | BackendKind;
  shards: number;
  /** Of products; float32 where absent. */
  precision?: Precision;
}

/** A case in training, which goes on and pauses. */
export interface BenchTraining {
  /** Trains for some seconds, but at least a few steps. @returns what the steps were like */
  train(seconds: number): Promise<StepEvent[]>;
  /** What the steps of all stretches came to. */
  result(): Promise<BenchResult>;
  close(): Promise<void>;
}

const WARM_UP_STEPS = 5;
const FEWEST_STEPS = 3;
/** Of a case that is measured alone. */
const FEWEST_ALONE = 9;

/** Sets training steps of a case up, through the real coordinator and pool: forward, loss, backward, clipping by the global norm, Adam on every parameter. */
export async function openBench(
  benchCase: BenchCase,
  options: BenchOptions,
): Promise<BenchTraining> {
  const { workers, precision = 'float32' } = options;
  const backend = chooseBackend(options.backend).kind;
  const sizes = sizesOf(benchCase, { ...options, dropout: 0 });
  const peakBefore = await measurePeaks(backend, workers);
  const handle = allocateEngine(backend, sizes);
  const pool = createWorkerPool(handle, () => undefined);
  const engine = new Engine(handle, pool.runStage, pool.following);
  const events: StepEvent[] = [];
  const feed = new BatchFeed(engine, randomBatches(benchCase), SLOT.training);
  const loop = new StepLoop(
    engine,
    { epochs: 1, optimizer: BENCH_OPTIMIZER, clipNorm: BENCH_CLIP_NORM },
    (event) => event.type === 'step' && events.push(event),
  );
  const updates = new Updates(Infinity, 1);
  let step = 0;
  const train = async (seconds: number, fewest: number): Promise<StepEvent[]> => {
    const [first, start] = [events.length, performance.now()];
    const isOver = (): boolean => performance.now() - start >= seconds * 1000;
    const mayFollow = (): boolean => events.length + 1 < first + fewest || !isOver();
    while (engine.isAhead || events.length < first + fewest || !isOver()) {
      await loop.step(feed, step++, Infinity, updates, {}, { mayFollow });
    }
    return events.slice(first);
  };
  try {
    await engine.initialize(1);
    await train(0, WARM_UP_STEPS);
  } catch (error) {
    await pool.close();
    throw error;
  }
  events.length = 0;
  return {
    train: (seconds) => train(seconds, FEWEST_STEPS),
    async result() {
      const peakGflops = Math.max(peakBefore, await measurePeaks(backend, workers));
      const median = medianOf(events);
      const { own: tokens, source } = tokensOf(benchCase);
      const flops = flopsPerStep(sizes.shape, tokens, benchCase.batch, source);
      const gflops = flops / median.duration / 1e9;
      return {
        ...{ case: benchCase.name, backend, precision, workers, teams: sizes.teams },
        stepMs: 1000 * median.duration,
        tokensPerSecond: tokens / median.duration,
        ...{ gflops, peakGflops, peakShare: gflops / peakGflops },
        idleShare: 1 - median.busy,
        phases: Object.fromEntries(
          Object.entries(median.phases).map(([name, value]) => [name, 1000 * value]),
        ),
      };
    },
    close: () => pool.close(),
  };
}

/** The step that took neither long nor short. */
export function medianOf(events: readonly StepEvent[]): StepEvent {
  return events.toSorted((a, b) => a.duration - b.duration)[events.length >> 1]!;
}

/**
 * Times training steps of a case.
 *
 * @param seconds least time to measure for
 */
export async function runBenchCase(
  benchCase: BenchCase,
  { seconds, ...options }: BenchOptions & { seconds: number },
): Promise<BenchResult> {
  const training = await openBench(benchCase, options);
  try {
    for (let steps = 0; steps < FEWEST_ALONE; seconds = 0) {
      steps += (await training.train(seconds)).length;
    }
    return await training.result();
  } finally {
    await training.close();
  }
}
