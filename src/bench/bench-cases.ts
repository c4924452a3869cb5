import { checkOptimizer } from '../optimizers/check.js';
import type { BatchSource, HostBatch } from '../data/batches/batches.js';
import { recurrencesOf } from '../model/describe.js';
import type { NetworkShape } from '../model/shape.js';
import type { NetworkSizes } from '../model/sizes.js';
import { describeStack } from '../model/stack.js';
import { chooseTeams } from '../model/work/teams.js';
import { philox } from '../tensor/random.js';
import { shardCount } from '../compute/sizes.js';

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

/** The network of a case. */
export function shapeOf(benchCase: BenchCase, dropout: number): NetworkShape {
  const { vocabulary, embedding, hidden, layers, classes } = benchCase;
  const layer = { kind: 'lstm', hiddenSize: hidden };
  return describeStack({
    ...{ vocabulary, embedding: { width: embedding }, dropout },
    layers: new Array<typeof layer>(layers).fill(layer),
    predicts: classes > 0 ? 'row' : 'token',
    outputs: classes > 0 ? classes : vocabulary,
  });
}

/** Memory for training a case. */
export function sizesOf(
  benchCase: BenchCase,
  options: { workers: number; teams?: number; shards: number; dropout: number },
): NetworkSizes {
  const { batch, time } = benchCase;
  const shape = shapeOf(benchCase, options.dropout);
  const { workers, teams } = options;
  return {
    shape,
    maxRows: batch,
    maxTokens: batch * time,
    maxSteps: time,
    parts: workers,
    teams: Math.min(teams ?? chooseTeams(recurrencesOf(shape), batch, workers), workers),
    shards: shardCount(options.shards, batch * time),
    seed: 1,
    training: true,
    optimizer: checkOptimizer('adam'),
  };
}

/** What every case is trained with. */
export const BENCH_OPTIMIZER = {
  learningRate: 0.001,
  schedule: { kind: 'constant', warmupSteps: 0 },
} as const;
export const BENCH_CLIP_NORM = 5;

/** The same random batch over and over. */
export function randomBatches({ batch, time, vocabulary, classes }: BenchCase): BatchSource {
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
