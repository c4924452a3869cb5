import type { Config } from '../config/schema.js';
import type { BatchFeed } from '../compute/batch-feed.js';
import type { Engine } from '../compute/engine.js';
import type { StepSettings } from '../compute/step-settings.js';
import type { StepEvent, TrainListener } from '../events.js';
import { averageShare } from '../optimizers/averaging.js';
import type { Advice } from '../optimizers/evaluations.js';
import type { StepResult } from '../model/batch/step-results.js';
import { learningRateAt } from '../optimizers/schedules.js';
import { sharedClock } from '../system/monotonic.js';
import type { Updates } from './updates.js';

/** Whoever has to do with a step besides. */
export interface StepWatch {
  /** Hears what each of its batches came to, while it lies in its slot. */
  watch?: (result: StepResult, batch: number, slot: number) => Promise<void>;
  /** Whether the next step may follow directly: workers go on with it before anybody has heard of this one. Asked at its beginning, and when all is ready. */
  mayFollow?: () => boolean;
}

/** When a step was under way, by the slot of its last batch. */
export interface StepTime {
  slot: number;
  /** In milliseconds of the clock that threads have in common. */
  begin: number;
  end: number;
}

/** One step after the other, each told to the listener. */
export class StepLoop {
  readonly #clock = sharedClock();
  /** Of the latest step. */
  time: StepTime = { slot: 0, begin: 0, end: 0 };

  constructor(
    private readonly engine: Engine,
    private readonly config: Pick<Config['train'], 'epochs' | 'clipNorm'> & {
      clipValue?: number | null;
      accumulate?: number;
      averaging?: Config['train']['averaging'];
      optimizer: Pick<Config['train']['optimizer'], 'learningRate' | 'schedule'>;
    },
    private readonly listener: TrainListener,
  ) {}

  /**
   * @param step number of the update, from 0
   * @param updates which batches it follows from
   * @param advice what the evaluations so far have to say on it, and on a step that follows directly
   */
  async step(
    feed: BatchFeed,
    step: number,
    totalSteps: number,
    updates: Updates,
    advice: Advice = {},
    { watch, mayFollow = () => false }: StepWatch = {},
  ): Promise<StepResult> {
    const { accumulate = 1 } = this.config;
    const stepsPerEpoch = updates.perEpoch;
    const settings = this.#settingsOf(step, stepsPerEpoch, advice);
    const { first, count } = updates.batchesOf(step);
    const isLast = step + 1 >= totalSteps;
    const end = isLast ? first + count : Infinity;
    const isFollowed = accumulate === 1 && !isLast && mayFollow();
    const release = (goesOn: boolean): void => {
      if (goesOn && mayFollow()) {
        const next = this.#settingsOf(step + 1, stepsPerEpoch, advice);
        this.engine.release(feed.slotOf(first + 1), step + 2, next);
      } else this.engine.rest();
    };
    const begin = this.engine.isAhead ? this.time.end : this.#clock();
    let [waited, slot] = [0, 0];
    let sums: StepResult | undefined;
    for (let batch = first; batch < first + count; batch++) {
      const asked = performance.now();
      const isAhead = this.engine.isAhead;
      slot = await feed.take(batch);
      // Nobody waits for a batch that is being computed.
      if (!isAhead) waited += (performance.now() - asked) / 1000;
      const divisor = this.engine.divisorOf(slot);
      // A batch that came to nothing finite spoils the whole update, also where only its loss tells.
      const all = sums && !sums.applied ? NaN : (sums?.divisor ?? 0) + divisor;
      const own = { batch: batch + 1, share: divisor / all, ends: batch === first + count - 1 };
      const result = await this.engine.trainStep(
        slot,
        step + 1,
        accumulate > 1 ? { ...settings, accumulation: own } : settings,
        () => {
          if (batch + 1 < end) feed.prefetch(batch + 1, isFollowed ? release : undefined);
        },
        isFollowed,
      );
      await watch?.(result, batch, slot);
      sums = sums ? addResults(sums, result) : result;
    }
    this.time = { slot, begin, end: this.engine.isAhead ? this.engine.endOf(slot) : this.#clock() };
    this.listener({
      ...this.#describe(sums!, step, stepsPerEpoch, waited),
      learningRate: settings.learningRate,
    });
    return sums!;
  }

  #settingsOf(
    step: number,
    stepsPerEpoch: number,
    { plateau, averaging: trigger }: Advice,
  ): StepSettings {
    const { epochs, optimizer, clipNorm, clipValue = null, averaging } = this.config;
    const falls = plateau?.falls ?? 0;
    const moment = { step, steps: epochs * stepsPerEpoch, stepsPerEpoch, falls };
    return {
      ...{ learningRate: learningRateAt(optimizer, moment), clipNorm, clipValue },
      ...(averaging && { averageShare: averageShare(averaging, step + 1, trigger?.from) }),
    };
  }

  #describe(
    result: StepResult,
    step: number,
    stepsPerEpoch: number,
    waited: number,
  ): Omit<StepEvent, 'learningRate'> {
    const { parts } = this.engine.handle.sizes;
    const { slot, begin, end } = this.time;
    const duration = (end - begin) / 1000;
    const phases: Record<string, number> = {};
    let worked = 0;
    for (const [name, seconds] of Object.entries(this.engine.readClocks(slot))) {
      phases[name] = seconds / parts;
      worked += seconds / parts;
    }
    phases['waiting for data'] = waited;
    phases['hand-over'] = Math.max(0, duration - worked - waited);
    return {
      type: 'step',
      step: step + 1,
      epoch: Math.floor(step / stepsPerEpoch) + 1,
      loss: result.lossSum / result.divisor,
      ...(this.engine.plan.loss.compares === 'numbers'
        ? { mse: result.squaredErrorSum / result.targets }
        : { accuracy: result.correct / result.targets }),
      gradNorm: result.gradNorm,
      rows: result.rows,
      tokens: result.tokens,
      duration,
      phases,
      busy: worked / duration,
    };
  }
}

/** What two batches of an update came to: sums of both, and the norm of the mean gradient so far. */
function addResults(one: StepResult, other: StepResult): StepResult {
  return {
    lossSum: one.lossSum + other.lossSum,
    divisor: one.divisor + other.divisor,
    crossEntropySum: one.crossEntropySum + other.crossEntropySum,
    squaredErrorSum: one.squaredErrorSum + other.squaredErrorSum,
    correct: one.correct + other.correct,
    targets: one.targets + other.targets,
    rows: one.rows + other.rows,
    tokens: one.tokens + other.tokens,
    gradNorm: other.gradNorm,
    applied: one.applied && other.applied,
  };
}
