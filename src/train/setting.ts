import { chooseBackend, type BackendChoice } from '../backend/select.js';
import type { RunState } from '../checkpoint/run-state.js';
import { Engine } from '../compute/engine.js';
import { allocateEngine } from '../compute/allocate-engine.js';
import { createWorkerPool, type WorkerPool } from '../compute/pool.js';
import { networkShape, networkSizes, precisionOf } from '../compute/sizes.js';
import type { Config } from '../config/schema.js';
import type { BatchSource } from '../data/batches/batches.js';
import { countValues } from '../data/features/features.js';
import type { Pair } from '../data/prepare/read-pairs.js';
import type { Corpus } from '../data/store/corpus.js';
import type { TrainListener } from '../events.js';
import type { NetworkSizes } from '../model/sizes.js';
import { breaksScheme } from '../tasks/transitions.js';
import { classWeightsOf } from './class-weights.js';
import { evaluationBatches, trainingBatches } from './evaluation.js';
import { expectEngines } from './feasible.js';
import { Updates } from './updates.js';
import { translationSizes, ValidationTranslations } from './validation-translations.js';

/** What a run computes with: its memory and its threads. */
export interface Setting {
  corpus: Corpus;
  engine: Engine;
  choice: BackendChoice;
  source: BatchSource;
  updates: Updates;
  classWeights?: number[];
  tagsAreFree: boolean;
  /** Where evaluations translate. */
  translations?: ValidationTranslations;
  /** Ends the threads, all of them, also where some do not end well. */
  close(): Promise<void>;
}

/** What a run has beside its config and corpus. */
export interface Brought {
  /** Pairs that evaluations translate. */
  sample?: readonly Pair[] | undefined;
  /** What weights have been learned with stays so, whatever a changed corpus has; class weights only where no step follows. */
  learned?: Pick<RunState, 'tagsAreFree' | 'classWeights'>;
}

/**
 * Plans and allocates all memory, and starts the threads; what it has started ends where anything fails.
 *
 * @throws UserError when the machine has not enough
 */
export async function createSetting(
  config: Config,
  corpus: Corpus,
  { sample, learned = {} }: Brought,
  { listener, workerFile }: { listener: TrainListener; workerFile?: string },
): Promise<Setting> {
  const choice = chooseBackend(config.backend, precisionOf(config));
  const source = trainingBatches(config, corpus);
  const sources = [source];
  if (corpus.validation) {
    sources.push(evaluationBatches(config, corpus.validation, corpus.tokenizer));
  }
  const { labels, scheme } = corpus.manifest.statistics.train;
  const tagsAreFree = learned.tagsAreFree ?? breaksScheme(scheme);
  const classWeights =
    learned.classWeights ?? classWeightsOf(config, corpus.classes, labels, corpus.train.rows);
  const { vocabularySize } = corpus.tokenizer;
  const shape = networkShape(config, vocabularySize, corpus.classes, {
    classWeights,
    tagsAreFree,
    targetScale: corpus.targetScale,
    featureValues: corpus.features.map(countValues),
    sourceVocabulary: (corpus.sourceTokenizer ?? corpus.tokenizer).vocabularySize,
  });
  const sizes = networkSizes(config, shape, sources, true);
  const { evaluateTranslations } = config.train;
  const others =
    sample && evaluateTranslations && translationSizes(config, shape, evaluateTranslations);
  expectEngines(choice.kind, sizes, others ?? undefined);
  const updates = new Updates(source.stepsPerEpoch, config.train.accumulate);
  const pools: WorkerPool[] = [];
  const close = (): Promise<void> => closeAll(pools);
  const open = (each: NetworkSizes): Engine => {
    const handle = allocateEngine(choice.kind, each);
    const pool = createWorkerPool(handle, listener, workerFile);
    pools.push(pool);
    return new Engine(handle, pool.runStage, pool.following);
  };
  try {
    const engine = open(sizes);
    const translations =
      sample && others && new ValidationTranslations(config, corpus, sample, open(others));
    return {
      ...{ corpus, engine, choice, source, updates, tagsAreFree, close },
      ...(classWeights && { classWeights }),
      ...(translations && { translations }),
    };
  } catch (error) {
    // Why it failed is what is told.
    await close().catch(() => undefined);
    throw error;
  }
}

/** Closes all, whichever of them fails, and then tells of the first that did. */
async function closeAll(pools: readonly WorkerPool[]): Promise<void> {
  const closed = await Promise.allSettled(pools.map((pool) => pool.close()));
  for (const each of closed) if (each.status === 'rejected') throw each.reason;
}
