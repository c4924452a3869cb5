import type { Config } from '../config/schema.js';
import type { BatchSource } from '../data/batches/batches.js';
import type { Setting } from './setting.js';
import type { Engine } from '../compute/engine.js';
import { evaluate, evaluationBatches } from './evaluation.js';
import {
  finiteMeasures,
  isBetterResult,
  measureKind,
  measuresOf,
  type MeasureName,
} from '../measures.js';
import type { Measure } from '../tasks/task.js';
import type { Evaluation } from './trained-model.js';
import type { TranslationMeasures, ValidationTranslations } from './validation-translations.js';
import type { TrainListener } from '../events.js';
import { followEvaluation, type Advice } from '../optimizers/evaluations.js';
import { taskOf } from '../tasks/registry.js';
import type { BestResult, ValidationState } from '../checkpoint/run-state.js';
import { Showing, type ShownEvent } from './shown/showing.js';
import {
  comparable,
  countInVain,
  isDue,
  isHopeless,
  NO_EVALUATION,
  type ValidationRules,
} from './validation-rules.js';

export interface ValidationOptions extends ValidationRules {
  /** Batches of the validation split, where there is one. */
  source: BatchSource | undefined;
  /** Adds up what the task wants to know of an evaluation. */
  createMeasure?: () => Measure | undefined;
  /** Translates some of the split with an engine's weights, where that is asked for. */
  translations?: Pick<ValidationTranslations, 'measure'> | undefined;
  /** Shows what is made of the split's rows. */
  showing?: Pick<Showing, 'begin'> | undefined;
  /** What evaluations have to say on the updates to come, after one more of them; where nothing follows them, nothing. */
  advise?: (former: Advice, loss: number, step: number) => Advice;
  /** Whether the run is to stop: an evaluation under way ends without a result, and takes place when the run goes on. */
  isStopped?: () => boolean;
  listener: TrainListener;
}

/** What an evaluation comes to. */
interface Found {
  measured: Evaluation & Partial<TranslationMeasures>;
  shown: readonly ShownEvent[];
}

/** Ends an evaluation. */
class Stop extends Error {}

/** What evaluates a corpus's validation split as a config has it. */
export function validationOptions(
  config: Config,
  { engine, corpus, translations, source: training }: Setting,
  rules: ValidationRules,
  listener: TrainListener,
): ValidationOptions {
  const { validation, tokenizer, classes } = corpus;
  const source = validation && evaluationBatches(config, validation, tokenizer);
  return {
    ...{ ...rules, source },
    showing: source && new Showing(engine, config, corpus, source, training, rules),
    createMeasure: () => taskOf(config.task).measure(classes),
    translations,
    advise: (former, loss, step) => followEvaluation(config.train, former, loss, step),
    listener,
  };
}

/** A result as the best by a measure; as it is where the evaluation has not had that one. */
function compareBy(measure: MeasureName, result: BestResult): BestResult {
  if (result[measure] === undefined) return result;
  const named: BestResult = { ...result, by: measure };
  if (measure === 'loss') delete named.by;
  return named;
}

/** A run's evaluations: when they are due, the best result, and when there is no more hope of a better one. */
export class Validation {
  #state: ValidationState;
  #hasTold = false;

  /** @param state what a resumed run goes on from: see `resumeValidation` */
  constructor(
    private readonly engine: Engine,
    private readonly options: ValidationOptions,
    state = NO_EVALUATION,
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
    return isHopeless(this.options, this.#state);
  }

  /** Whether to evaluate after `step` updates; not when that has been done already. */
  isDue(step: number): boolean {
    return isDue(this.options, this.#state, step);
  }

  /**
   * Evaluates after `step` updates.
   *
   * @returns whether this is the best result so far; undefined where the run is to stop and there is none
   */
  async evaluate(step: number): Promise<boolean | undefined> {
    const start = performance.now();
    const { translated, bestBy, advise, listener } = this.options;
    const found = await this.#measure(step);
    if (found === undefined) return undefined;
    const { measured, shown } = found;
    const { loss, targets } = measured;
    const former = this.#state;
    const finite = finiteMeasures(measured);
    const best = former.best && compareBy(bestBy, comparable(former.best, translated));
    // A loss that is not finite is never the best, nor could it be written down.
    const isBest = finite.loss !== undefined && isBetterResult(bestBy, finite, best);
    const isUnmeasured = finite.loss !== undefined && finite[bestBy] === undefined;
    if (isUnmeasured) this.#tellOfNone();
    const isRegular = step % this.options.everySteps === 0;
    const advice = advise?.(this.advice, loss, step) ?? {};
    this.#state = {
      ...(isBest
        ? {
            ...{ step, withoutImprovement: 0 },
            best: compareBy(bestBy, {
              ...{ ...finite, step, loss },
              ...(translated && { translated }),
            }),
          }
        : {
            step,
            withoutImprovement: countInVain(this.options, former) + (isUnmeasured ? 0 : 1),
            ...(best && { best }),
          }),
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
      ...measuresOf(measured),
      loss,
      targets,
      duration: (performance.now() - start) / 1000,
      best: isBest,
    });
    shown.forEach((event) => listener(event));
    return isBest;
  }

  async #measure(step: number): Promise<Found | undefined> {
    const { source, createMeasure, translations, showing } = this.options;
    const { isStopped = () => false } = this.options;
    const goOn = (): void => {
      if (isStopped()) throw new Stop();
    };
    const take = <T>(work: () => Promise<T>): Promise<T> => {
      goOn();
      return work();
    };
    try {
      return await this.engine.withAverages(async () => {
        const show = showing?.begin();
        const watch = show && ((slot: number, batch: number) => show.add(slot, batch));
        const found = await evaluate(this.engine, source!, createMeasure?.(), take, watch);
        // Of weights that have come to nothing there is nothing to be read.
        if (!Number.isFinite(found.loss)) return { measured: found, shown: [] };
        const translated = await translations?.measure(this.engine, goOn);
        return {
          measured: { ...found, ...translated?.measures },
          shown: (await show?.events(step, goOn, translated?.samples)) ?? [],
        };
      });
    } catch (error) {
      if (error instanceof Stop) return undefined;
      throw error;
    }
  }

  /** There is no R² where all numbers are equal, say: nothing to be the best by, nor to run out of patience with. */
  #tellOfNone(): void {
    if (this.#hasTold) return;
    this.#hasTold = true;
    const { label } = measureKind(this.options.bestBy);
    const message = `The rows of the validation split have no ${label}, by which train.bestBy would find the best checkpoint: none is the best.`;
    this.options.listener({ type: 'notice', message });
  }
}
