import type { BatchSource } from '../data/batches/batches.js';
import type { Engine } from '../compute/engine.js';
import { evaluate } from './evaluation.js';
import type { Measure } from '../tasks/task.js';
import type { TrainListener } from '../events.js';
import type { Advice } from '../optimizers/evaluations.js';
import type { BestResult, ValidationState } from '../checkpoint/run-state.js';

export interface ValidationOptions {
  /** Batches of the validation split, where there is one. */
  source: BatchSource | undefined;
  /** Adds up what the task wants to know of an evaluation. */
  createMeasure?: () => Measure | undefined;
  everySteps: number;
  /** Evaluations without a better result after which training is to end; null for never. */
  patience: number | null;
  totalSteps: number;
  /** What evaluations have to say on the updates to come, after one more of them; where nothing follows them, nothing. */
  advise?: (former: Advice, loss: number, step: number) => Advice;
  listener: TrainListener;
}

/**
 * The evaluations that count for a resumed run: one that took place only because the run was to end there is as if it had
 * never been where the run goes on, so that a run stopped by `train.maxSteps` goes on as one that never stopped.
 *
 * @param step where the run goes on
 */
export function resumeValidation(
  { beforeEnd, ...state }: ValidationState,
  step: number,
  { everySteps, totalSteps }: Pick<ValidationOptions, 'everySteps' | 'totalSteps'>,
): ValidationState {
  if (beforeEnd === undefined || step % everySteps === 0) return state;
  return step < totalSteps ? beforeEnd : { ...state, beforeEnd };
}

/** A run's evaluations: when they are due, the best result, and when there is no more hope of a better one. */
export class Validation {
  #state: ValidationState;

  /** @param state what a resumed run goes on from: see `resumeValidation` */
  constructor(
    private readonly engine: Engine,
    private readonly options: ValidationOptions,
    state: ValidationState = { step: 0, withoutImprovement: 0 },
  ) {
    this.#state = state;
  }

  get state(): ValidationState {
    return this.#state;
  }

  /** What the evaluations so far have to say on the updates to come. */
  get advice(): Advice {
    return this.#state.advice ?? {};
  }

  get best(): BestResult | undefined {
    return this.#state.best;
  }

  /** Whether the last `patience` evaluations all came out no better than one before. */
  get isHopeless(): boolean {
    const { patience } = this.options;
    return patience !== null && this.#state.withoutImprovement >= patience;
  }

  /** Whether to evaluate after `step` updates; not when that has been done already. */
  isDue(step: number): boolean {
    const { source, everySteps, totalSteps } = this.options;
    if (source === undefined || step === 0 || step === this.#state.step) return false;
    return step % everySteps === 0 || step === totalSteps;
  }

  /** Evaluates after `step` updates; true when this is the best result so far. */
  async evaluate(step: number): Promise<boolean> {
    const start = performance.now();
    const { source, createMeasure, advise, listener } = this.options;
    const measured = await this.engine.withAverages(() =>
      evaluate(this.engine, source!, createMeasure?.()),
    );
    const { loss, accuracy, perplexity, f1, mse, mae, r2, targets } = measured;
    const quality = {
      ...(accuracy !== undefined && { accuracy }),
      ...(mse !== undefined && { mse }),
    };
    const former = this.#state;
    const { best, withoutImprovement } = former;
    // A loss that is not finite is never the best, nor could it be written down.
    const isBest = Number.isFinite(loss + (mse ?? 0)) && (best === undefined || loss < best.loss);
    const isRegular = step % this.options.everySteps === 0;
    const advice = advise?.(this.advice, loss, step) ?? {};
    this.#state = {
      ...(isBest
        ? { step, withoutImprovement: 0, best: { step, loss, ...quality } }
        : { step, withoutImprovement: withoutImprovement + 1, ...(best && { best }) }),
      ...(Object.keys(advice).length > 0 && { advice }),
      ...(!isRegular && { beforeEnd: former }),
    };
    if (advice.averaging?.from === step) {
      const message = `The validation loss no longer falls: averaging of the weights begins after step ${step}.`;
      listener({ type: 'notice', message });
    }
    listener({
      type: 'evaluation',
      step,
      split: 'validation',
      loss,
      ...quality,
      ...(perplexity !== undefined && { perplexity }),
      ...(f1 !== undefined && { f1 }),
      ...(mae !== undefined && { mae }),
      ...(r2 !== undefined && { r2 }),
      targets,
      duration: (performance.now() - start) / 1000,
      best: isBest,
    });
    return isBest;
  }
}
