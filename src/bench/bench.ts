import type { BackendKind } from '../backend/block.js';
import { chooseBackend } from '../backend/select.js';
import { flopsPerStep } from '../model/describe.js';
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

const WARM_UP_STEPS = 5;
const FEWEST_STEPS = 9;

/**
 * Times training steps of a case through the real coordinator and pool: forward, loss, backward, clipping by
 * the global norm, Adam on every parameter.
 *
 * @param seconds least time to measure for
 */
export async function runBenchCase(
  benchCase: BenchCase,
  options: {
    workers: number;
    teams?: number;
    backend: 'auto' | BackendKind;
    seconds: number;
    shards: number;
  },
): Promise<BenchResult> {
  const { workers, seconds } = options;
  const backend = chooseBackend(options.backend).kind;
  const { batch } = benchCase;
  const sizes = sizesOf(benchCase, { ...options, dropout: 0 });
  const peakBefore = await measurePeaks(backend, workers);
  const handle = allocateEngine(backend, sizes);
  const pool = createWorkerPool(handle, () => undefined);
  const events: StepEvent[] = [];
  try {
    const engine = new Engine(handle, pool.runStage);
    await engine.initialize(1);
    const feed = new BatchFeed(engine, randomBatches(benchCase), SLOT.training);
    const loop = new StepLoop(
      engine,
      { epochs: 1, optimizer: BENCH_OPTIMIZER, clipNorm: BENCH_CLIP_NORM },
      (event) => event.type === 'step' && events.push(event),
    );
    const updates = new Updates(Infinity, 1);
    const start = performance.now();
    for (let step = 0; ; step++) {
      const enough = step >= WARM_UP_STEPS + FEWEST_STEPS;
      if (enough && performance.now() - start > seconds * 1000) break;
      await loop.step(feed, step, Infinity, updates);
    }
  } finally {
    await pool.close();
  }
  const peakGflops = Math.max(peakBefore, await measurePeaks(backend, workers));
  const measured = events.slice(WARM_UP_STEPS).sort((a, b) => a.duration - b.duration);
  const median = measured[measured.length >> 1]!;
  const { own: tokens, source } = tokensOf(benchCase);
  const flops = flopsPerStep(sizes.shape, tokens, batch, source);
  const gflops = flops / median.duration / 1e9;
  const phases = Object.fromEntries(
    Object.entries(median.phases).map(([name, value]) => [name, 1000 * value]),
  );
  return {
    case: benchCase.name,
    backend,
    workers,
    teams: sizes.teams,
    stepMs: 1000 * median.duration,
    tokensPerSecond: tokens / median.duration,
    gflops,
    peakGflops,
    peakShare: gflops / peakGflops,
    idleShare: 1 - median.busy,
    phases,
  };
}
