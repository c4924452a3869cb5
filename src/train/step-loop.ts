import type { Config } from '../config/schema.js';
import type { BatchFeed } from '../compute/batch-feed.js';
import type { Engine, StepResult } from '../compute/engine.js';
import type { StepEvent, TrainListener } from '../events.js';
import { averageShare } from '../optimizers/averaging.js';
import type { Advice } from '../optimizers/evaluations.js';
import { learningRateAt } from '../optimizers/schedules.js';

/** One step after the other, each told to the listener. */
export class StepLoop {
  constructor(
    private readonly engine: Engine,
    private readonly config: Pick<Config['train'], 'epochs' | 'clipNorm'> & {
      clipValue?: number | null;
      averaging?: Config['train']['averaging'];
      optimizer: Pick<Config['train']['optimizer'], 'learningRate' | 'schedule'>;
    },
    private readonly listener: TrainListener,
  ) {}

  /**
   * @param step number of the batch, from 0
   * @param advice what the evaluations so far have to say on it
   */
  async step(
    feed: BatchFeed,
    step: number,
    totalSteps: number,
    stepsPerEpoch: number,
    { plateau, averaging: trigger }: Advice = {},
  ): Promise<StepResult> {
    const { epochs, optimizer, clipNorm, clipValue = null, averaging } = this.config;
    const steps = epochs * stepsPerEpoch;
    const falls = plateau?.falls ?? 0;
    const learningRate = learningRateAt(optimizer, { step, steps, stepsPerEpoch, falls });
    const start = performance.now();
    const slot = await feed.take(step);
    const waited = (performance.now() - start) / 1000;
    const settings = {
      ...{ learningRate, clipNorm, clipValue },
      ...(averaging && { averageShare: averageShare(averaging, step + 1, trigger?.from) }),
    };
    const result = await this.engine.trainStep(slot, step + 1, settings, () => {
      if (step + 1 < totalSteps) feed.prefetch(step + 1);
    });
    const duration = (performance.now() - start) / 1000;
    this.listener({
      ...this.#describe(result, step, stepsPerEpoch, duration, waited),
      learningRate,
    });
    return result;
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
      ...(this.engine.plan.loss.compares === 'ids'
        ? { accuracy: result.correct / result.targets }
        : { mse: result.squaredErrorSum / result.targets }),
      gradNorm: result.gradNorm,
      rows: result.rows,
      tokens: result.tokens,
      duration,
      phases,
      busy: worked / duration,
    };
  }
}
