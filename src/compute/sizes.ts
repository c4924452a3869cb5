import { availableParallelism } from 'node:os';
import type { Precision } from '../backend/backend.js';
import type { Config } from '../config/schema.js';
import type { BatchSource } from '../data/batches/batches.js';
import { stackFeature } from '../data/features/features.js';
import { recurrencesOf } from '../model/graph/describe.js';
import type { LossDescription, NetworkShape } from '../model/graph/shape.js';
import type { NetworkSizes } from '../model/sizes.js';
import { describeOptimizer } from '../optimizers/registry.js';
import { describeStack } from '../model/graph/stack.js';
import { taskOf } from '../tasks/registry.js';
import type { TargetScale } from '../tasks/target-scale.js';
import { forbiddenTransitions } from '../tasks/transitions.js';
import { UserError } from '../errors.js';
import { chooseTeams } from '../model/work/teams.js';

/** What a network's outputs mean and how they are weighed, and what its inputs may be, so far as the data tells it. */
export interface DataFacts {
  /** Of each class, or of each label where a row has it, where the config asks for weights (see train/class-weights.ts). */
  classWeights?: readonly number[] | undefined;
  /** Whether tags follow each other otherwise than their names tell: see `breaksScheme`. */
  tagsAreFree?: boolean | undefined;
  /** Of numbers. */
  targetScale?: TargetScale | undefined;
  /** Of each feature of words how many values there are, that of unknown ones included; as many as there may be where absent. */
  featureValues?: readonly number[] | undefined;
  /** Tokens of the source, where there is one; as many as of the target where absent. */
  sourceVocabulary?: number | undefined;
}

/** The network that a config describes, for a vocabulary and classes. */
export function networkShape(
  config: Config,
  vocabulary: number,
  classes: readonly string[],
  facts: DataFacts = {},
): NetworkShape {
  const { per, target, carries, gives } = taskOf(config.task);
  const { encoder, attention, bridge, ...model } = config.model;
  // Beside the target's tokens there is what begins and ends it.
  const tokens = gives === 'pairs' ? vocabulary + 1 : vocabulary;
  return describeStack({
    ...model,
    ...(encoder && {
      encoder: { ...encoder, vocabulary: facts.sourceVocabulary ?? vocabulary },
      ...(bridge && { bridge }),
    }),
    ...(attention && { attention }),
    features: config.model.features.map((feature, i) =>
      stackFeature(feature, facts.featureValues?.[i] ?? feature.vocabularySize),
    ),
    vocabulary: tokens,
    predicts: per,
    outputs: {
      ...{ class: classes.length, labels: classes.length },
      ...{ 'next token': tokens, number: 1 },
    }[target],
    loss: describeLoss(config.train.loss, classes, facts),
    carries,
  });
}

function describeLoss(
  { kind, labelSmoothing }: Config['train']['loss'],
  classes: readonly string[],
  { classWeights, targetScale, tagsAreFree }: DataFacts,
): LossDescription {
  switch (kind) {
    case 'crf':
      return { kind, options: { forbidden: tagsAreFree ? [] : forbiddenTransitions(classes) } };
    case 'softmax':
      return { kind, options: { labelSmoothing, ...(classWeights && { classWeights }) } };
    case 'binary':
      return { kind, options: { ...(classWeights && { positiveWeights: classWeights }) } };
    case 'squared':
    case 'absolute':
      return { kind, options: { ...targetScale } };
  }
}

/** What a thread takes besides the shared heap: its own heap, code and stack. */
export const THREAD_BYTES = 10 * 2 ** 20;

/** More threads than cores only wait for each other; with so many more, a step takes minutes to begin. */
const THREADS_PER_CORE = 16;
const THREADS_ANYWHERE = 128;

/**
 * Threads to compute on: every core unless the config says otherwise.
 *
 * @throws UserError for far more than the machine has cores
 */
export function workerCount(config: Config): number {
  const cores = availableParallelism();
  const most = Math.max(THREADS_ANYWHERE, THREADS_PER_CORE * cores);
  const workers = config.workers ?? cores;
  if (workers <= most) return workers;
  throw new UserError(
    `workers: expected at most ${most} on this machine of ${cores} cores, got ${workers}: ` +
      'leave it out to use every core',
  );
}

/** A sentence where there are far more threads than cores. */
export function describeCrowd(workers: number): string | undefined {
  const cores = availableParallelism();
  if (workers <= 2 * cores) return undefined;
  return (
    `${workers} workers share ${cores} cores: they wait for each other, and training is slower than with ` +
    `--workers ${cores}.`
  );
}

/** Fewest tokens of a full batch's shard: shorter sums cost more to combine than they gain in accuracy. */
const SHARD_TOKENS = 128;

/**
 * Shards of batches of at most so many tokens: a power of two.
 *
 * @param most train.shards
 */
export function shardCount(most: number, tokens: number): number {
  let shards = most;
  while (shards > 1 && tokens < shards * SHARD_TOKENS) shards /= 2;
  return shards;
}

/** Sizes of a network that can hold every batch of the given sources. */
export function networkSizes(
  config: Config,
  shape: NetworkShape,
  sources: readonly Pick<BatchSource, 'maxRows' | 'maxTokens' | 'maxSteps' | 'source'>[],
  training: boolean,
): NetworkSizes {
  const largest = (field: 'maxRows' | 'maxTokens' | 'maxSteps'): number =>
    Math.max(...sources.map((source) => source[field]));
  const parts = workerCount(config);
  const ofSources = sources.flatMap(({ source }) => source ?? []);
  return {
    shape,
    maxRows: largest('maxRows'),
    maxTokens: largest('maxTokens'),
    maxSteps: largest('maxSteps'),
    ...(ofSources.length > 0 && {
      source: {
        maxTokens: Math.max(...ofSources.map(({ maxTokens }) => maxTokens)),
        maxSteps: Math.max(...ofSources.map(({ maxSteps }) => maxSteps)),
      },
    }),
    parts,
    teams: Math.min(
      config.teams ?? chooseTeams(recurrencesOf(shape), largest('maxRows'), parts),
      parts,
    ),
    // From the config alone: whoever computes with a model sums in the same order.
    shards: shardCount(config.train.shards, tokensOf(config)),
    seed: config.train.seed,
    training,
    optimizer: describeOptimizer(config.train.optimizer),
    averages: training && config.train.averaging !== null,
    accumulates: training && config.train.accumulate > 1,
    precision: precisionOf(config),
  };
}

/** What a config's products multiply, once that is settled: see run/settle-precision.ts. */
export function precisionOf({ train: { precision } }: Config): Precision {
  if (precision !== 'auto') return precision;
  throw new Error('train.precision is still open');
}

/** Tokens of a batch of the longest rows. */
function tokensOf(config: Config): number {
  const { batchSize, batchTokens } = config.train;
  return batchTokens ?? batchSize * longestRow(config);
}

/** Tokens of the longest row that a batch may have; of pairs of a target and the boundary before it. */
export function longestRow({ task, data, train }: Config): number {
  const { rows, gives } = taskOf(task);
  if (gives === 'pairs') return data.maxLength + 1;
  return rows === 'apart' ? data.maxLength : train.sequenceLength;
}
