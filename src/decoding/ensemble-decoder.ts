import type { Stepper, StepRow } from './decode.js';
import type { NextTokens } from './search.js';

/** Several networks that go on with the same texts, each from its own states: what may follow is as likely as it is to them on average. */
export class EnsembleDecoder implements Stepper {
  readonly ranks = 0;
  #mean = new Float64Array(0);

  constructor(private readonly members: readonly Stepper[]) {}

  async step(rows: readonly StepRow[], waiting: readonly number[]): Promise<NextTokens> {
    const told: NextTokens[] = [];
    for (const member of this.members) told.push(await member.step(rows, waiting, true));
    return {
      probabilities: (row) => this.#meanOf(told.map((next) => next.probabilities!(row))),
      ...(told.every((next) => next.attention !== undefined) && {
        attention: (row: number) => meanOf(told.map((next) => next.attention!(row))),
      }),
    };
  }

  /** Looked at before the next one is asked for. */
  #meanOf(all: readonly ArrayLike<number>[]): Float64Array {
    const { length } = all[0]!;
    if (this.#mean.length !== length) this.#mean = new Float64Array(length);
    const mean = this.#mean.fill(0);
    // Plain loops: there are as many numbers as the vocabulary has tokens, for each text in each step.
    for (const each of all) for (let i = 0; i < length; i++) mean[i]! += each[i]!;
    for (let i = 0; i < length; i++) mean[i]! /= all.length;
    return mean;
  }
}

function meanOf(all: readonly Float32Array[]): Float32Array {
  return all[0]!.map((_, i) => all.reduce((sum, each) => sum + each[i]!, 0) / all.length);
}
