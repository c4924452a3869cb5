import type { BackendKind } from '../backend/block.js';
import { chooseBackend, expectAddressable, expectMemory } from '../backend/select.js';
import { plannedBytes } from '../compute/engine-memory.js';
import {
  describeCrowd,
  networkShape,
  networkSizes,
  THREAD_BYTES,
  workerCount,
} from '../compute/sizes.js';
import { introduce } from '../config/places.js';
import { describeUnmeasured } from '../config/problems.js';
import type { Config } from '../config/schema.js';
import type { Corpus } from '../data/store/corpus.js';
import { UserError } from '../errors.js';
import { advisedKeys } from '../optimizers/evaluations.js';
import { MEANT_BY, type FoundCheckpoint } from '../run/admission.js';
import type { NetworkSizes } from '../model/sizes.js';
import { taskOf } from '../tasks/registry.js';
import { translationSizes } from './validation-translations.js';

/** Whether a config can be trained with: on this machine, and on its corpus. */

/**
 * What can be refused before the data is prepared, which may take an hour.
 *
 * @param notice hears what is unwise
 * @throws UserError naming what cannot be
 */
export function expectFeasible(config: Config, notice: (message: string) => void): void {
  expectValidation(config, config.data.validation !== 0);
  const crowd = describeCrowd(workerCount(config));
  if (crowd !== undefined) notice(crowd);
  // The smallest vocabulary and batch that there could be.
  const featureValues = config.model.features.map(() => 1);
  const shape = networkShape(config, 3, ['', ''], { featureValues });
  const sizes = networkSizes(config, shape, [smallestBatch(config)], true);
  const { kind } = chooseBackend(config.backend);
  const { evaluateTranslations } = config.train;
  const others = evaluateTranslations && translationSizes(config, shape, evaluateTranslations);
  expectEngines(kind, sizes, others ?? undefined);
}

/**
 * Looks whether there is memory for what trains and, where evaluations translate, for what does that beside it.
 *
 * @throws UserError when there is not
 */
export function expectEngines(
  kind: BackendKind,
  training: NetworkSizes,
  translating?: NetworkSizes,
): void {
  const threads = (training.parts + (translating?.parts ?? 0)) * THREAD_BYTES;
  const bytes = translating ? plannedBytes(kind, translating) : 0;
  expectMemory(kind, plannedBytes(kind, training), {
    bytes: threads + bytes,
    lower: translating && 'train.evaluateTranslations.beam',
  });
  // The two are blocks of their own.
  expectAddressable(kind, bytes, {
    needed: 'to translate in evaluations takes',
    instead: 'lower train.evaluateTranslations.beam, data.maxSourceLength or the model size',
  });
}

function smallestBatch({ task }: Config): Parameters<typeof networkSizes>[2][number] {
  const text = { maxTokens: 1, maxSteps: 1 };
  return { maxRows: 1, ...text, ...(taskOf(task).gives === 'pairs' && { source: text }) };
}

/** @throws UserError where a corpus leaves nothing to evaluate, or nothing of what the best is to be chosen by */
export function expectMeasured(
  config: Config,
  { validation, classes }: Pick<Corpus, 'validation' | 'classes'>,
): void {
  expectValidation(config, validation !== undefined);
  const fault = describeUnmeasured(config, classes);
  if (fault === undefined) return;
  throw new UserError(`${introduce(config, ['train', 'bestBy'])}train.bestBy: ${fault}`);
}

/** @throws UserError naming a key that means nothing without a validation split */
function expectValidation({ train }: Config, isThere: boolean): void {
  if (isThere) return;
  const [advised] = advisedKeys(train);
  const fault = train.earlyStopping
    ? 'train.earlyStopping: expected a validation split to tell when to stop'
    : train.bestBy !== 'loss'
      ? 'train.bestBy: expected a validation split to choose the best by'
      : train.evaluateTranslations
        ? 'train.evaluateTranslations: expected a validation split with pairs to translate'
        : advised && `${advised}: expected a validation split whose loss it follows`;
  if (fault) throw new UserError(`${fault}, but data.validation gives none`);
}

/**
 * Looks whether the corpus of a resumed run is still the same.
 *
 * @param now SHA-256 of corpus and vocabulary
 * @param override whether the user takes another one
 * @returns whether it is another one, which is taken
 * @throws UserError for another one that is not taken, or that gives the weights another meaning
 */
export function acceptCorpus(
  { task }: Config,
  { path, state }: FoundCheckpoint,
  now: { corpus: string; vocabulary: string },
  override: boolean,
): boolean {
  if (state.corpus === now.corpus) return false;
  const { other } = MEANT_BY[taskOf(task).target];
  const isSameVocabulary = state.vocabulary === now.vocabulary;
  if (!override) {
    throw new UserError(
      `${path}: the corpus has changed since this checkpoint was written: ` +
        'restore the files that data names, or start a new run with another --run-dir' +
        (isSameVocabulary
          ? ', or add --override to go on with the changed corpus'
          : ` (the changed corpus has another ${other}, so that the weights would mean something else)`),
    );
  }
  if (!isSameVocabulary) {
    throw new UserError(
      `${path}: the changed corpus has another ${other}, ` +
        'so that the weights would mean something else: start a new run with another --run-dir',
    );
  }
  return true;
}
