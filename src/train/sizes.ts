import { availableParallelism } from 'node:os';
import type { Config } from '../config/schema.js';
import type { BatchSource } from '../data/batches.js';
import type { NetworkShape } from '../model/parameters.js';
import type { NetworkSizes } from '../model/plan.js';

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

/** Sizes of a network that can hold every batch of the given sources. */
export function networkSizes(
  config: Config,
  shape: NetworkShape,
  sources: readonly Pick<BatchSource, 'maxRows' | 'maxTokens' | 'maxSteps'>[],
  training: boolean,
): NetworkSizes {
  const largest = (field: 'maxRows' | 'maxTokens' | 'maxSteps'): number =>
    Math.max(...sources.map((source) => source[field]));
  return {
    shape,
    maxRows: largest('maxRows'),
    maxTokens: largest('maxTokens'),
    maxSteps: largest('maxSteps'),
    parts: workerCount(config),
    shards: config.train.shards,
    dropout: config.model.dropout,
    seed: config.train.seed,
    training,
  };
}
