import type { NumberMeasures } from './task.js';

/** Adds up how far numbers that were told are from the true ones, all in the unit of these. */
export class NumberScores {
  #count = 0;
  #squares = 0;
  #sizes = 0;
  /** Of the true numbers: their mean so far, and the sum of squared distances from it (Welford 1962). */
  #mean = 0;
  #spread = 0;

  get count(): number {
    return this.#count;
  }

  add(truth: number, told: number): void {
    const error = told - truth;
    this.#count += 1;
    this.#squares += error ** 2;
    this.#sizes += Math.abs(error);
    const distance = truth - this.#mean;
    this.#mean += distance / this.#count;
    this.#spread += distance * (truth - this.#mean);
  }

  /** Without R² where the true numbers are all the same: there is nothing to be told. */
  result(): NumberMeasures {
    const mse = this.#squares / this.#count;
    return {
      mse,
      rmse: Math.sqrt(mse),
      mae: this.#sizes / this.#count,
      ...(this.#spread > 0 && { r2: 1 - this.#squares / this.#spread }),
    };
  }
}
