import { numbersOf } from '../data/features/features.js';
import { createBatches, type BatchOptions, type BatchSource } from '../data/batches/batches.js';
import type { PairShare } from '../data/batches/pair-batches.js';
import type { Corpus } from '../data/store/corpus.js';
import { readAhead } from '../data/batches/read-ahead.js';
import type { TokenStore } from '../data/store/token-store.js';
import type { Config } from '../config/schema.js';
import { taskOf } from '../tasks/registry.js';
import type { Measure } from '../tasks/task.js';
import { boundaryOf } from '../tasks/boundary.js';
import type { Tokenizer } from '../data/tokenizers/tokenizer.js';
import { SLOT } from '../model/sizes.js';
import { BatchFeed } from '../compute/batch-feed.js';
import type { Engine } from '../compute/engine.js';
import type { Evaluation } from './trained-model.js';

/** The batches that training takes from a corpus. */
export function trainingBatches(
  config: Config,
  corpus: Pick<Corpus, 'train' | 'trainSources' | 'tokenizer'>,
): BatchSource {
  return readAhead(corpus.train, trainingOptions(config, corpus));
}

export function trainingOptions(
  { task, model, train }: Config,
  { trainSources, tokenizer }: Pick<Corpus, 'trainSources' | 'tokenizer'>,
): BatchOptions {
  const { rows: dealt, per, gives } = taskOf(task);
  const { batchSize, batchTokens, seed, sequenceLength, bucketBatches } = train;
  const features = model.features.map(numbersOf);
  if (gives === 'pairs') {
    return {
      ...{ rows: 'pairs', boundary: boundaryOf(tokenizer), batchTokens: batchTokens ?? undefined },
      ...{ batchSize, seed, shuffle: true, bucketBatches, ...pairShares(trainSources) },
    };
  }
  const shares = trainSources.map(({ rows, tokens, weight }) => ({
    size: dealt === 'apart' ? rows : tokens,
    weight,
  }));
  return dealt === 'apart'
    ? {
        ...{ rows: dealt, tagged: per === 'token', features },
        ...{ batchSize, seed, shuffle: true, bucketBatches, shares },
      }
    : { rows: dealt, features, batchSize, sequenceLength, shares };
}

/** None where every pair is shown once, whatever a store knows of its sources. */
function pairShares(sources: Corpus['trainSources']): { shares?: PairShare[] } {
  if (sources.every(({ weight }) => weight === 1)) return {};
  const shares = sources.map(({ rows, tokens, sourceTokens, weight }) => {
    // A store that lacks them is made anew before it is opened with weights.
    if (sourceTokens === undefined) throw new Error('the tokens of a source are not known');
    return { size: rows, weight, tokens, sourceTokens };
  });
  return { shares };
}

/**
 * The batches of one pass over a store for evaluation; a store too short for many streams is read in fewer. They are
 * read here, while the workers compute: a thread for them would take memory for the whole run.
 */
export function evaluationBatches(
  config: Config,
  store: TokenStore,
  tokenizer: Pick<Tokenizer, 'vocabularySize'>,
): BatchSource {
  const { batchSize, batchTokens, seed, sequenceLength } = config.train;
  const { rows, per, gives } = taskOf(config.task);
  if (gives === 'pairs') {
    // In the order of the store, where the longest may stand together.
    const longest = Math.max(store.longestRow + 1, store.source!.longestRow);
    const fit = batchTokens === null ? batchSize : Math.max(1, Math.floor(batchTokens / longest));
    return createBatches(store, {
      ...{ rows: 'pairs', boundary: boundaryOf(tokenizer), batchSize: fit },
      ...{ seed, shuffle: false, bucketBatches: 1 },
    });
  }
  const features = config.model.features.map(numbersOf);
  if (rows === 'apart') {
    return createBatches(store, {
      ...{ rows, tagged: per === 'token', features },
      ...{ batchSize, seed, shuffle: false, bucketBatches: 1 },
    });
  }
  const streams = Math.max(1, Math.min(batchSize, Math.floor((store.tokens - 1) / sequenceLength)));
  return createBatches(store, { rows, features, batchSize: streams, sequenceLength, whole: true });
}

/**
 * Loss, as training has it, and but for numbers the accuracy, over every batch of a source; leaves training's batches and carried state alone.
 *
 * @param measure adds up what the task wants to know beside them
 * @param take runs one batch's work on the engine; where others use it, too, in turn with theirs
 * @param watch looks at what was made of each batch, while it lies in its slot
 */
export async function evaluate(
  engine: Engine,
  source: BatchSource,
  measure?: Measure,
  take: <T>(work: () => Promise<T>) => Promise<T> = (work) => work(),
  watch?: (slot: number, batch: number) => void,
): Promise<Evaluation> {
  const feed = new BatchFeed(engine, source, SLOT.evaluation);
  let [lossSum, divisor, crossEntropySum, correct, targets] = [0, 0, 0, 0, 0];
  for (let step = 0; step < source.stepsPerEpoch; step++) {
    const slot = await feed.take(step);
    await take(async () => {
      const result = await engine.evaluate(slot, () => {
        if (step + 1 < source.stepsPerEpoch) feed.prefetch(step + 1);
      });
      lossSum += result.lossSum;
      divisor += result.divisor;
      crossEntropySum += result.crossEntropySum;
      correct += result.correct;
      targets += result.targets;
      measure?.add(engine.compared(slot));
      watch?.(slot, step);
    });
  }
  return {
    loss: lossSum / divisor,
    ...(engine.plan.loss.compares !== 'numbers' && { accuracy: correct / targets }),
    targets,
    ...measure?.result(crossEntropySum / targets),
  };
}
