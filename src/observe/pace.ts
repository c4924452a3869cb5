import type { Quality, StartEvent, StepEvent } from '../events.js';

/** Where a run stands: means over the steps since the last time it was asked. */
export interface Figures extends Quality {
  step: number;
  totalSteps: number;
  /** The pass over the training split that `step` belongs to, from 1. */
  epoch: number;
  epochs: number;
  /** As of steps, as all of `Quality`: means over rows. */
  loss: number;
  /** By the clock on the wall, with evaluations and checkpoints. */
  tokensPerSecond: number;
  secondsLeft: number;
}

/** Sums up the steps of a run and now and then gives its figures. */
export class Pace {
  readonly #start: StartEvent;
  readonly #intervalMs: number;
  readonly #startedAt = performance.now();
  #since = this.#startedAt;
  #step = 0;
  #rows = 0;
  #tokens = 0;
  #loss = 0;
  #quality: Quality = {};

  /** @param intervalMs the least time between two sets of figures */
  constructor(start: StartEvent, intervalMs: number) {
    this.#start = start;
    this.#intervalMs = intervalMs;
  }

  /** Counts a step in; gives figures when the interval is over. */
  add(event: StepEvent): Figures | undefined {
    this.#step = event.step;
    this.#rows += event.rows;
    this.#tokens += event.tokens;
    this.#loss += event.loss * event.rows;
    for (const key of ['accuracy', 'mse'] as const) {
      const value = event[key];
      if (value !== undefined) this.#quality[key] = (this.#quality[key] ?? 0) + value * event.rows;
    }
    return performance.now() - this.#since >= this.#intervalMs ? this.take() : undefined;
  }

  /** Figures of the steps not yet accounted for, if there are any. */
  take(): Figures | undefined {
    if (this.#rows === 0) return undefined;
    const { fromStep, totalSteps, stepsPerEpoch } = this.#start;
    const now = performance.now();
    const secondsPerStep = (now - this.#startedAt) / 1000 / (this.#step - fromStep);
    const figures = {
      step: this.#step,
      totalSteps,
      epoch: Math.ceil(this.#step / stepsPerEpoch),
      epochs: Math.ceil(totalSteps / stepsPerEpoch),
      loss: this.#loss / this.#rows,
      ...this.#means(),
      tokensPerSecond: this.#tokens / Math.max((now - this.#since) / 1000, 1e-6),
      secondsLeft: secondsPerStep * (totalSteps - this.#step),
    };
    this.#since = now;
    this.#rows = this.#tokens = this.#loss = 0;
    this.#quality = {};
    return figures;
  }

  #means(): Quality {
    const { accuracy, mse } = this.#quality;
    return {
      ...(accuracy !== undefined && { accuracy: accuracy / this.#rows }),
      ...(mse !== undefined && { mse: mse / this.#rows }),
    };
  }
}
