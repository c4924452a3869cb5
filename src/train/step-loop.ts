import type { Config } from '../config/schema.js';
import type { BatchFeed } from '../compute/batch-feed.js';
import type { Engine, StepResult } from '../compute/engine.js';
import type { StepEvent, TrainListener } from '../events.js';
import { averageShare } from '../optimizers/averaging.js';
import type { Advice } from '../optimizers/evaluations.js';
import { learningRateAt } from '../optimizers/schedules.js';
import type { Updates } from './updates.js';

/** One step after the other, each told to the listener. */
export class StepLoop {
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
   * @param advice what the evaluations so far have to say on it
   * @param watch hears what each of its batches came to, while it lies in its slot
   */
  async step(
    feed: BatchFeed,
    step: number,
    totalSteps: number,
    updates: Updates,
    { plateau, averaging: trigger }: Advice = {},
    watch?: (result: StepResult, batch: number, slot: number) => Promise<void>,
  ): Promise<StepResult> {
    const { epochs, optimizer, accumulate = 1, averaging } = this.config;
    const { clipNorm, clipValue = null } = this.config;
    const stepsPerEpoch = updates.perEpoch;
    const falls = plateau?.falls ?? 0;
    const moment = { step, steps: epochs * stepsPerEpoch, stepsPerEpoch, falls };
    const learningRate = learningRateAt(optimizer, moment);
    const settings = {
      ...{ learningRate, clipNorm, clipValue },
      ...(averaging && { averageShare: averageShare(averaging, step + 1, trigger?.from) }),
    };
    const { first, count } = updates.batchesOf(step);
    const end = step + 1 < totalSteps ? Infinity : first + count;
    const start = performance.now();
    let waited = 0;
    let sums: StepResult | undefined;
    for (let batch = first; batch < first + count; batch++) {
      const asked = performance.now();
      const slot = await feed.take(batch);
      waited += (performance.now() - asked) / 1000;
      const divisor = this.engine.divisorOf(slot);
      // A batch that came to nothing finite spoils the whole update, also where only its loss tells.
      const all = sums && !sums.applied ? NaN : (sums?.divisor ?? 0) + divisor;
      const own = { batch: batch + 1, share: divisor / all, ends: batch === first + count - 1 };
      const result = await this.engine.trainStep(
        slot,
        step + 1,
        accumulate > 1 ? { ...settings, accumulation: own } : settings,
        () => {
          if (batch + 1 < end) feed.prefetch(batch + 1);
        },
      );
      await watch?.(result, batch, slot);
      sums = sums ? addResults(sums, result) : result;
    }
    const duration = (performance.now() - start) / 1000;
    this.listener({
      ...this.#describe(sums!, step, stepsPerEpoch, duration, waited),
      learningRate,
    });
    return sums!;
  }

  #describe(
    result: StepResult,
    step: number,
    stepsPerEpoch: number,
    duration: number,
    waited: number,
  ): Omit<StepEvent, 'learningRate'> {
    const { parts } = this.engine.handle.sizes;
    const phases: Record<string, number> = {};
    let worked = 0;
    for (const [name, seconds] of Object.entries(this.engine.readClocks())) {
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
