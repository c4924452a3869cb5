import type { RunState, ValidationState } from '../checkpoint/run-state.js';
import type { Config } from '../config/schema.js';
import { createBatches } from '../data/batches/batches.js';
import type { Pair } from '../data/prepare/read-pairs.js';
import type { Corpus } from '../data/store/corpus.js';
import type { Remainder } from '../run/overriding.js';
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
 * What a config leaves to do of a run.
 *
 * @param sample pairs that evaluations translate
 * @param state where the run goes on; undefined where nothing has been learned
 */
export function restOf(
  config: Config,
  corpus: Pick<Corpus, 'train' | 'trainSources' | 'tokenizer' | 'validation'>,
  sample: readonly Pair[] | undefined,
  state: Pick<RunState, 'step' | 'validation'> | undefined,
): Rest {
  const course = courseOf(config, corpus);
  if (!state) return { remainder: 'steps', course, evaluations: NO_EVALUATION };
  const { step } = state;
  const evaluations = resumeValidation(state.validation, step, course);
  const rules = validationRules(config, corpus, sample, course);
  const isEvaluated = isDue(rules, evaluations, step);
  // Where there was no more hope, an evaluation that is due may yet turn out to be the best.
  const mayGoOn = step < course.totalSteps && (isEvaluated || !isHopeless(rules, evaluations));
  const remainder = mayGoOn ? 'steps' : isEvaluated ? 'evaluation' : 'nothing';
  return { remainder, course, evaluations };
}

/**
 * What would have a run go on that has ended after `step` updates: "raise train.epochs".
 *
 * @param withoutImprovement evaluations since the best one
 */
export function adviseGoingOn(
  { train }: Pick<Config, 'train'>,
  step: number,
  totalSteps: number,
  withoutImprovement: number,
): string {
  if (step >= totalSteps) {
    return `raise ${totalSteps === train.maxSteps ? 'train.maxSteps' : 'train.epochs'}`;
  }
  return `raise train.earlyStopping.patience above ${withoutImprovement}, or set train.earlyStopping to null`;
}
