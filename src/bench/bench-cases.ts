import type { Precision } from '../backend/backend.js';
import { checkOptimizer } from '../optimizers/check.js';
import type { BatchSource, HostBatch } from '../data/batches/batches.js';
import { recurrencesOf } from '../model/graph/describe.js';
import type { NetworkShape } from '../model/graph/shape.js';
import type { NetworkSizes } from '../model/sizes.js';
import { describeStack, type Stack } from '../model/graph/stack.js';
import type { StackEncoder, StackLayer } from '../model/graph/stack-layers.js';
import { chooseTeams } from '../model/work/teams.js';
import { philox } from '../tensor/random.js';
import { shardCount } from '../compute/sizes.js';

/** One model and batch to time. */
export interface BenchCase {
  name: string;
  vocabulary: number;
  embedding: number;
  layers: readonly StackLayer[];
  /** Of classifiers; the last token by default. */
  pooling?: readonly string[];
  /** Of translators, whose rows and sources are of many lengths. */
  source?: Pick<Stack, 'attention'> & { encoder: StackEncoder };
  batch: number;
  /** Tokens of a row, of a translator on the average. */
  time: number;
  /** 0: a language model, with a target at every token. */
  classes: number;
}

/** Recurrent layers of a kind on top of each other. */
export const recurrent = (
  kind: string,
  hiddenSize: number,
  layers: number,
  options: object = {},
): StackLayer[] => Array.from({ length: layers }, () => ({ kind, hiddenSize, ...options }));

const ptbMedium = { vocabulary: 10_000, embedding: 650, batch: 20, time: 35, classes: 0 };
const classifierWide = { vocabulary: 20_000, embedding: 128, batch: 64, time: 64, classes: 4 };

/** From a small classifier to a language model of 20 million weights, then other layers at the same sizes. */
export const BENCH_CASES: readonly BenchCase[] = [
  {
    ...{ name: 'keras-seed', vocabulary: 10_000, embedding: 64, batch: 32, time: 100, classes: 3 },
    layers: recurrent('lstm', 128, 1),
  },
  { name: 'classifier-wide', ...classifierWide, layers: recurrent('lstm', 256, 1) },
  {
    ...{ name: 'char-rnn', vocabulary: 65, embedding: 128, batch: 50, time: 50, classes: 0 },
    layers: recurrent('lstm', 512, 2),
  },
  {
    ...{ name: 'ptb-small', vocabulary: 10_000, embedding: 200, batch: 20, time: 20, classes: 0 },
    layers: recurrent('lstm', 200, 2),
  },
  { name: 'ptb-medium', ...ptbMedium, layers: recurrent('lstm', 650, 2) },
  { name: 'gru-medium', ...ptbMedium, layers: recurrent('gru', 650, 2) },
  { name: 'rnn-medium', ...ptbMedium, layers: recurrent('rnn', 650, 2) },
  {
    ...{ name: 'bilstm-wide', ...classifierWide },
    layers: recurrent('lstm', 256, 1, { direction: 'both' }),
  },
  {
    ...{ name: 'convolution', vocabulary: 10_000, embedding: 304, batch: 50, time: 40, classes: 6 },
    layers: [{ kind: 'convolution', width: [3, 4, 5], channels: 112, activation: 'relu' }],
    pooling: ['max'],
  },
  {
    ...{ name: 'translation', vocabulary: 8000, embedding: 256, batch: 64, time: 13, classes: 0 },
    source: {
      encoder: {
        ...{ vocabulary: 8000, embedding: { width: 256 }, dropout: 0 },
        layers: recurrent('lstm', 256, 1, { direction: 'both' }),
      },
      attention: { kind: 'general', heads: 1 },
    },
    layers: recurrent('lstm', 512, 1),
  },
];

/** How far lengths of a translator's rows are from their mean; by as many they are shorter as longer. */
const SPREAD = 6;

/** Where the rows of a case begin in its tokens, and those of its sources, of which others are short. [batch + 1] */
export function rowStarts({ batch, time, source }: BenchCase): {
  own: Int32Array;
  source?: Int32Array;
} {
  const starts = (factor: number): Int32Array => {
    const begins = new Int32Array(batch + 1);
    for (let row = 0; row < batch; row++) {
      const apart = source ? ((row * factor) % (2 * SPREAD + 1)) - SPREAD : 0;
      begins[row + 1] = begins[row]! + Math.max(1, time + apart);
    }
    return begins;
  };
  return { own: starts(5), ...(source && { source: starts(7) }) };
}

/** Tokens of a batch of a case, and of its sources. */
export function tokensOf(benchCase: BenchCase): { own: number; source: number } {
  const { own, source } = rowStarts(benchCase);
  return { own: own.at(-1)!, source: source?.at(-1) ?? 0 };
}

const longest = (starts: Int32Array): number =>
  starts.reduce((most, begin, row) => Math.max(most, begin - (starts[row - 1] ?? 0)), 0);

/** The most that a source of batches is to hold of rows that begin there. */
const most = (starts: Int32Array) => ({ maxTokens: starts.at(-1)!, maxSteps: longest(starts) });

/** The network of a case. */
export function shapeOf(benchCase: BenchCase, dropout: number): NetworkShape {
  const { vocabulary, embedding, layers, pooling, classes, source } = benchCase;
  return describeStack({
    ...{ vocabulary, embedding: { width: embedding }, layers, dropout },
    ...(pooling && { pooling }),
    ...(source && { ...source, carries: false }),
    predicts: classes > 0 ? 'row' : 'token',
    outputs: classes > 0 ? classes : vocabulary,
  });
}

/** Memory for training a case. */
export function sizesOf(
  benchCase: BenchCase,
  options: {
    workers: number;
    teams?: number;
    shards: number;
    dropout: number;
    precision?: Precision;
  },
): NetworkSizes {
  const { batch } = benchCase;
  const shape = shapeOf(benchCase, options.dropout);
  const { own, source } = rowStarts(benchCase);
  const { workers, teams } = options;
  return {
    shape,
    maxRows: batch,
    ...most(own),
    ...(source && { source: most(source) }),
    parts: workers,
    teams: Math.min(teams ?? chooseTeams(recurrencesOf(shape), batch, workers), workers),
    shards: shardCount(options.shards, own.at(-1)!),
    seed: 1,
    training: true,
    optimizer: checkOptimizer('adam'),
    precision: options.precision ?? 'float32',
  };
}

/** What every case is trained with. */
export const BENCH_OPTIMIZER = {
  learningRate: 0.001,
  schedule: { kind: 'constant', warmupSteps: 0 },
} as const;
export const BENCH_CLIP_NORM = 5;

/** The same random batch over and over. */
export function randomBatches(benchCase: BenchCase): BatchSource {
  const { batch, vocabulary, classes, source } = benchCase;
  const starts = rowStarts(benchCase);
  const { own, source: others } = tokensOf(benchCase);
  const draw = (length: number, below: number, stream: number): Int32Array =>
    Int32Array.from({ length }, (_, i) => philox([i, 0, stream, 0], [1, 0])[0] % below);
  const tokens = draw(own, vocabulary, 0);
  const targets = draw(own, vocabulary, 1);
  const sources = draw(others, source?.encoder.vocabulary ?? 1, 3);
  const labels = draw(batch, Math.max(1, classes), 2);
  return {
    stepsPerEpoch: Infinity,
    maxRows: batch,
    ...most(starts.own),
    ...(starts.source && { source: most(starts.source) }),
    read(step, into: HostBatch) {
      into.rows = batch;
      into.startsFresh = step === 0;
      into.tokens.set(tokens);
      into.targets.set(targets);
      into.labels.set(labels);
      into.rowStart.set(starts.own);
      into.source?.tokens.set(sources);
      if (starts.source) into.source?.rowStart.set(starts.source);
      return Promise.resolve();
    },
  };
}
