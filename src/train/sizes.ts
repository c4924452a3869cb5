import { availableParallelism } from 'node:os';
import type { Config } from '../config/schema.js';
import type { BatchSource } from '../data/batches.js';
import type { NetworkShape } from '../model/parameters.js';
import type { NetworkSizes } from '../model/plan.js';
import { chooseTeams } from '../model/teams.js';

/** The network that a config describes, for a vocabulary and classes. */
export function networkShape(
  config: Config,
  vocabulary: number,
  classes: readonly string[],
): NetworkShape {
  return {
    task: config.task,
    vocabulary,
    embedding: config.model.embedding,
    layers: config.model.layers.map((layer) => layer.hiddenSize),
    outputs: config.task === 'classify' ? classes.length : vocabulary,
  };
}

/** Threads to compute on: every core unless the config says otherwise. */
export function workerCount(config: Config): number {
  return config.workers ?? availableParallelism();
}

/** Fewest tokens of a shard: shorter sums cost more to combine than they gain in accuracy. */
const SHARD_TOKENS = 128;

/**
 * Shards of a batch of so many tokens: a power of two.
 *
 * @param most train.shards
 */
export function shardCount(most: number, tokens: number): number {
  let shards = most;
  while (shards > 1 && tokens < shards * SHARD_TOKENS) shards /= 2;
  return shards;
}

/**
 * Sizes of a network that can hold every batch of the given sources.
 *
 * @param sources the one to train on first: its batches alone decide on the number of shards, and so on the weights
 */
export function networkSizes(
  config: Config,
  shape: NetworkShape,
  sources: readonly Pick<BatchSource, 'maxRows' | 'maxTokens' | 'maxSteps'>[],
  training: boolean,
): NetworkSizes {
  const largest = (field: 'maxRows' | 'maxTokens' | 'maxSteps'): number =>
    Math.max(...sources.map((source) => source[field]));
  const parts = workerCount(config);
  return {
    shape,
    maxRows: largest('maxRows'),
    maxTokens: largest('maxTokens'),
    maxSteps: largest('maxSteps'),
    parts,
    teams: Math.min(config.teams ?? chooseTeams(shape.layers, largest('maxRows'), parts), parts),
    shards: shardCount(config.train.shards, sources[0]?.maxTokens ?? 0),
    dropout: config.model.dropout,
    seed: config.train.seed,
    training,
  };
}
