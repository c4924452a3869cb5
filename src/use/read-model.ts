import { existsSync } from 'node:fs';
import { verifyCheckpoint, type RunState } from '../checkpoint/run-state.js';
import type { Vocabulary } from '../checkpoint/vocabulary-file.js';
import { readWeights, type Weights } from '../checkpoint/weights.js';
import { networkShape } from '../compute/sizes.js';
import type { NamedConfig } from '../config/load.js';
import { countValues } from '../data/features/features.js';
import type { BestEvaluation } from '../events.js';
import { describeNetwork } from '../model/graph/describe.js';
import type { NetworkShape } from '../model/graph/shape.js';
import { findCheckpoint } from '../run/find-checkpoint.js';
import { readTrainedConfig } from '../run/trained-config.js';
import type { OpenOptions } from '../train/trained-model.js';

/** What is read of a run to use its model. */
export interface ReadModel {
  readonly config: NamedConfig;
  readonly vocabulary: Vocabulary;
  readonly state: RunState;
  readonly found: { readonly checkpoint: string; readonly best?: BestEvaluation };
  readonly shape: NetworkShape;
  readonly weights: Weights;
}

/**
 * Reads a trained model.
 *
 * @param run directory of a run, or of one of its checkpoints
 * @throws UserError when there is no whole checkpoint
 */
export async function readModel(run: string, options: OpenOptions = {}): Promise<ReadModel> {
  for (let tries = 1; ; tries++) {
    const found = await findCheckpoint(run, options.checkpoint);
    try {
      return await readFound(found, options);
    } catch (error) {
      // A run that is being trained may have removed it meanwhile, and has another one then.
      if (tries === MOST_TRIES || existsSync(found.checkpoint)) throw error;
    }
  }
}

/** Checkpoints that are looked for, one after the other, where they are removed while they are read. */
const MOST_TRIES = 5;

async function readFound(
  found: Awaited<ReturnType<typeof findCheckpoint>>,
  options: OpenOptions,
): Promise<ReadModel> {
  const state = await verifyCheckpoint(found.checkpoint);
  const overrides = [
    ...(options.workers === undefined ? [] : [`workers=${options.workers}`]),
    ...(options.backend === undefined ? [] : [`backend=${options.backend}`]),
  ];
  const notify = options.notify ?? ((message) => process.emitWarning(message));
  const config = await readTrainedConfig(found.run, found.checkpoint, state, notify, overrides);
  const vocabulary = await found.run.readVocabulary(state);
  const shape = shapeOf(config, vocabulary, state);
  // Now: whoever has a model answers with what was opened, whatever becomes of the files.
  const weights = await readWeights(found.checkpoint, state, describeNetwork(shape).parameters);
  return { config, vocabulary, state, found, shape, weights };
}

/** The network of a trained model. */
export function shapeOf(
  config: NamedConfig,
  { tokenizer, sourceTokenizer, classes, targetScale, features = [] }: Vocabulary,
  { classWeights, tagsAreFree }: Pick<RunState, 'classWeights' | 'tagsAreFree'>,
): NetworkShape {
  return networkShape(config, tokenizer.vocabularySize, classes, {
    classWeights,
    tagsAreFree,
    targetScale,
    featureValues: features.map(countValues),
    sourceVocabulary: (sourceTokenizer ?? tokenizer).vocabularySize,
  });
}
