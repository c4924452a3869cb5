import { isDeepStrictEqual } from 'node:util';
import type { BestResult, ValidationState } from '../checkpoint/run-state.js';
import { measureKind, type MeasureName } from '../measures.js';
import type { TranslatedSample } from './validation-translations.js';

/** When evaluations are due, and when there is no more hope of a better one: told without any engine. */

export interface ValidationRules {
  /** Whether there is a split to evaluate. */
  hasSplit: boolean;
  /** By what evaluations are compared. */
  bestBy: MeasureName;
  everySteps: number;
  /** Evaluations without a better result after which training is to end; null for never. */
  patience: number | null;
  totalSteps: number;
  /** What of the split is translated, where that is asked for. */
  translated?: TranslatedSample | undefined;
}

/** What evaluations before the first one come to. */
export const NO_EVALUATION: ValidationState = { step: 0, withoutImprovement: 0 };

/**
 * The evaluations that count for a resumed run: one that took place only because the run was to end there is as if it had
 * never been where the run goes on, so that a run stopped by `train.maxSteps` goes on as one that never stopped.
 *
 * @param step where the run goes on
 */
export function resumeValidation(
  { beforeEnd, ...state }: ValidationState,
  step: number,
  { everySteps, totalSteps }: Pick<ValidationRules, 'everySteps' | 'totalSteps'>,
): ValidationState {
  if (beforeEnd === undefined || step % everySteps === 0) return state;
  return step < totalSteps ? beforeEnd : { ...state, beforeEnd };
}

/** Whether to evaluate after `step` updates; not when that has been done already. */
export function isDue(
  { hasSplit, everySteps, totalSteps }: ValidationRules,
  state: ValidationState,
  step: number,
): boolean {
  if (!hasSplit || step === 0 || step === state.step) return false;
  return step % everySteps === 0 || step === totalSteps;
}

/** Whether the last `patience` evaluations all came out no better than one before. */
export function isHopeless(rules: ValidationRules, state: ValidationState): boolean {
  return rules.patience !== null && countInVain(rules, state) >= rules.patience;
}

/** Evaluations since the best one; those that were compared by another measure, before a resume, do not count. */
export function countInVain(
  { bestBy, translated }: Pick<ValidationRules, 'bestBy' | 'translated'>,
  { best, withoutImprovement }: ValidationState,
): number {
  if (!best) return withoutImprovement;
  const isSame = !measureKind(bestBy).ofTranslations || comparable(best, translated) === best;
  return (best.by ?? 'loss') === bestBy && isSame ? withoutImprovement : 0;
}

/** A result without what other translations were measured by. */
export function comparable(
  result: BestResult,
  translated: TranslatedSample | undefined,
): BestResult {
  if (isDeepStrictEqual(result.translated, translated)) return result;
  const others = { ...result };
  delete others.translated;
  delete others.bleu;
  delete others.chrf;
  delete others.exact;
  return others;
}
