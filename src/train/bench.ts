import { chooseBackend, type BackendKind } from '../backend/select.js';
import type { BatchSource, HostBatch } from '../data/batches.js';
import { flopsPerStep, type NetworkShape } from '../model/parameters.js';
import { SLOT } from '../model/plan.js';
import { philox } from '../tensor/random.js';
import { BatchFeed } from './batch-feed.js';
import { allocateEngine, Engine } from './engine.js';
import type { StepEvent } from './events.js';
import { measurePeaks } from './peak.js';
import { createWorkerPool } from './pool.js';
import { StepLoop } from './step-loop.js';

/** One model and batch to time. */
export interface BenchCase {
  name: string;
  vocabulary: number;
  embedding: number;
  hidden: number;
  layers: number;
  batch: number;
  time: number;
  /** 0: a language model, with a target at every token. */
  classes: number;
}

const bench = (
  name: string,
  [vocabulary, embedding, hidden, layers, batch, time, classes]: readonly [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ],
): BenchCase => ({ name, vocabulary, embedding, hidden, layers, batch, time, classes });

/** From a small classifier to a language model of 20 million weights. */
export const BENCH_CASES: readonly BenchCase[] = [
  bench('keras-seed', [10_000, 64, 128, 1, 32, 100, 3]),
  bench('classifier-wide', [20_000, 128, 256, 1, 64, 64, 4]),
  bench('char-rnn', [65, 128, 512, 2, 50, 50, 0]),
  bench('ptb-small', [10_000, 200, 200, 2, 20, 20, 0]),
  bench('ptb-medium', [10_000, 650, 650, 2, 20, 35, 0]),
];

export interface BenchResult {
  case: string;
  backend: string;
  workers: number;
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
  options: { workers: number; backend: 'auto' | BackendKind; seconds: number; shards: number },
): Promise<BenchResult> {
  const { workers, seconds, shards } = options;
  const backend = chooseBackend(options.backend).kind;
  const { vocabulary, embedding, hidden, layers, batch, time, classes } = benchCase;
  const shape: NetworkShape = {
    task: classes > 0 ? 'classify' : 'language-model',
    vocabulary,
    embedding,
    layers: new Array<number>(layers).fill(hidden),
    outputs: classes > 0 ? classes : vocabulary,
  };
  const peakBefore = await measurePeaks(backend, workers);
  const handle = allocateEngine(backend, {
    shape,
    maxRows: batch,
    maxTokens: batch * time,
    maxSteps: time,
    parts: workers,
    shards,
    dropout: 0,
    seed: 1,
    training: true,
  });
  const pool = createWorkerPool(handle, () => undefined);
  const events: StepEvent[] = [];
  try {
    const engine = new Engine(handle, pool.runStage);
    await engine.initialize(1);
    const feed = new BatchFeed(engine, randomBatches(benchCase), SLOT.training);
    const loop = new StepLoop(
      engine,
      {
        epochs: 1,
        optimizer: {
          kind: 'adam',
          learningRate: 0.001,
          schedule: { kind: 'constant', warmupSteps: 0 },
          beta1: 0.9,
          beta2: 0.999,
          epsilon: 1e-8,
        },
        clipNorm: 5,
      },
      (event) => event.type === 'step' && events.push(event),
    );
    const start = performance.now();
    for (let step = 0; ; step++) {
      const enough = step >= WARM_UP_STEPS + FEWEST_STEPS;
      if (enough && performance.now() - start > seconds * 1000) break;
      await loop.step(feed, step, Infinity, Infinity);
    }
  } finally {
    await pool.close();
  }
  const peakGflops = Math.max(peakBefore, await measurePeaks(backend, workers));
  const measured = events.slice(WARM_UP_STEPS).sort((a, b) => a.duration - b.duration);
  const median = measured[measured.length >> 1]!;
  const tokens = batch * time;
  const flops = flopsPerStep(shape, tokens, classes > 0 ? batch : tokens);
  const gflops = flops / median.duration / 1e9;
  const phases = Object.fromEntries(
    Object.entries(median.phases).map(([name, value]) => [name, 1000 * value]),
  );
  return {
    case: benchCase.name,
    backend,
    workers,
    stepMs: 1000 * median.duration,
    tokensPerSecond: tokens / median.duration,
    gflops,
    peakGflops,
    peakShare: gflops / peakGflops,
    idleShare: 1 - median.busy,
    phases,
  };
}

/** The same random batch over and over. */
function randomBatches({ batch, time, vocabulary, classes }: BenchCase): BatchSource {
  const draw = (length: number, below: number, stream: number): Int32Array =>
    Int32Array.from({ length }, (_, i) => philox([i, 0, stream, 0], [1, 0])[0] % below);
  const tokens = draw(batch * time, vocabulary, 0);
  const targets = draw(batch * time, vocabulary, 1);
  const labels = draw(batch, Math.max(1, classes), 2);
  return {
    stepsPerEpoch: Infinity,
    maxRows: batch,
    maxTokens: batch * time,
    maxSteps: time,
    read(_step, into: HostBatch) {
      into.rows = batch;
      into.startsFresh = true;
      into.tokens.set(tokens);
      into.targets.set(targets);
      into.labels.set(labels);
      for (let row = 0; row <= batch; row++) into.rowStart[row] = row * time;
      return Promise.resolve();
    },
  };
}
