import { chooseBackend, type BackendChoice } from '../backend/select.js';
import type { RunState } from '../checkpoint/run-state.js';
import { Engine } from '../compute/engine.js';
import { allocateEngine } from '../compute/engine-memory.js';
import { createWorkerPool } from '../compute/pool.js';
import { networkShape, networkSizes } from '../compute/sizes.js';
import type { Config } from '../config/schema.js';
import type { BatchSource } from '../data/batches/batches.js';
import { countValues } from '../data/features/features.js';
import type { Corpus } from '../data/store/corpus.js';
import type { TrainListener } from '../events.js';
import { breaksScheme } from '../tasks/transitions.js';
import { classWeightsOf } from './class-weights.js';
import { evaluationBatches, trainingBatches } from './evaluation.js';
import { Updates } from './updates.js';
import { openTranslations, type ValidationTranslations } from './validation-translations.js';

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
  /** Ends the threads. */
  close(): Promise<void>;
}

/**
 * Plans and allocates all memory, and starts the threads.
 *
 * @param state of the run that is resumed
 * @throws UserError when the machine has not enough
 */
export function createSetting(
  config: Config,
  corpus: Corpus,
  state: RunState | undefined,
  { listener, workerFile }: { listener: TrainListener; workerFile?: string },
): Setting {
  const choice = chooseBackend(config.backend);
  const source = trainingBatches(config, corpus);
  const sources = [source];
  if (corpus.validation) {
    sources.push(evaluationBatches(config, corpus.validation, corpus.tokenizer));
  }
  const { labels, scheme } = corpus.manifest.statistics.train;
  // What weights have been learned without stays so, whatever a changed corpus has.
  const tagsAreFree = state?.tagsAreFree ?? breaksScheme(scheme);
  const classWeights = classWeightsOf(config, corpus.classes, labels, corpus.train.rows);
  const { vocabularySize } = corpus.tokenizer;
  const shape = networkShape(config, vocabularySize, corpus.classes, {
    classWeights,
    tagsAreFree,
    targetScale: corpus.targetScale,
    featureValues: corpus.features.map(countValues),
    sourceVocabulary: (corpus.sourceTokenizer ?? corpus.tokenizer).vocabularySize,
  });
  const handle = allocateEngine(choice.kind, networkSizes(config, shape, sources, true));
  const threads = { backend: choice.kind, listener, workerFile };
  const translations = openTranslations(config, corpus, shape, threads);
  const pool = createWorkerPool(handle, listener, workerFile);
  const engine = new Engine(handle, pool.runStage);
  const updates = new Updates(source.stepsPerEpoch, config.train.accumulate);
  return {
    ...{ corpus, engine, choice, source, updates, tagsAreFree },
    ...(classWeights && { classWeights }),
    ...(translations && { translations }),
    async close() {
      await pool.close();
      await translations?.close();
    },
  };
}
