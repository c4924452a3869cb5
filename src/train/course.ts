import type { ValidationState } from '../checkpoint/run-state.js';
import type { NamedConfig } from '../config/load.js';
import type { Config } from '../config/schema.js';
import { createBatches } from '../data/batches/batches.js';
import type { Pair } from '../data/prepare/read-pairs.js';
import type { Corpus } from '../data/store/corpus.js';
import type { Resumption } from '../run/admission.js';
import { mixConfigs, type Remainder } from '../run/taken-config.js';
import { trainingOptions } from './evaluation.js';
import { Updates } from './updates.js';
import {
  isDue,
  isHopeless,
  NO_EVALUATION,
  resumeValidation,
  type ValidationRules,
} from './validation-rules.js';
import { describeSample } from './validation-translations.js';

/** How far a run goes, and what is left of it: known before there is an engine. */

export interface Course {
  totalSteps: number;
  /** Updates between two evaluations, and between two checkpoints. */
  everySteps: number;
  checkpointEvery: number;
}

/** What a config makes of a corpus. */
export function courseOf(
  config: Config,
  corpus: Pick<Corpus, 'train' | 'trainSources' | 'tokenizer'>,
): Course {
  const { epochs, maxSteps, accumulate, checkpoint, evaluateEverySteps } = config.train;
  const { stepsPerEpoch } = createBatches(corpus.train, trainingOptions(config, corpus));
  const { perEpoch } = new Updates(stepsPerEpoch, accumulate);
  const everyEpoch = (steps: number): number => (steps === 0 ? perEpoch : steps);
  return {
    totalSteps: Math.min(perEpoch * epochs, maxSteps ?? Infinity),
    everySteps: everyEpoch(evaluateEverySteps),
    checkpointEvery: everyEpoch(checkpoint.everySteps),
  };
}

/** How a config has a corpus's validation split evaluated. */
export function validationRules(
  { train }: Config,
  { validation }: Pick<Corpus, 'validation'>,
  sample: readonly Pair[] | undefined,
  { everySteps, totalSteps }: Course,
): ValidationRules {
  return {
    hasSplit: validation !== undefined,
    ...{ bestBy: train.bestBy, patience: train.earlyStopping?.patience ?? null },
    ...{ everySteps, totalSteps },
    translated: sample && describeSample(train.evaluateTranslations!, sample),
  };
}

/** What is left of a run, and the course that it takes from here on. */
export interface Rest {
  remainder: Remainder;
  course: Course;
  /** The evaluations that count. */
  evaluations: ValidationState;
}

/**
 * Whether steps follow is told by the config that a run is resumed with. Where none does, what would make others of its weights is
 * not taken, and says nothing of the evaluation that may be due either.
 *
 * @param sample pairs that evaluations translate
 */
export function restOf(
  config: NamedConfig,
  corpus: Corpus,
  sample: readonly Pair[] | undefined,
  resumed: Resumption | undefined,
): Rest {
  const course = courseOf(config, corpus);
  const state = resumed?.found?.state;
  // Weights that nothing has been learned with follow from the config alone.
  if (!resumed || !state) return { remainder: 'steps', course, evaluations: NO_EVALUATION };
  const evaluations = resumeValidation(state.validation, state.step, course);
  const rules = validationRules(config, corpus, sample, course);
  if (state.step < course.totalSteps && !isHopeless(rules, evaluations)) {
    return { remainder: 'steps', course, evaluations };
  }
  const { totalSteps } = course;
  const taken = { ...courseOf(mixConfigs(resumed.former, config, true), corpus), totalSteps };
  const isEvaluated = isDue({ ...rules, everySteps: taken.everySteps }, evaluations, state.step);
  return { remainder: isEvaluated ? 'evaluation' : 'nothing', course: taken, evaluations };
}
