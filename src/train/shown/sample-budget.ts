import { describeNetwork } from '../../model/graph/describe.js';
import type { NetworkShape } from '../../model/graph/shape.js';

/**
 * How often texts may be written to be looked at. It is told by work, not by time, so that it is the same on every machine and for any
 * number of workers.
 */

/** Of the work of all steps, on average; of that between two evaluations; and of the whole run when it is done. */
const SHARE = 0.0025;
const SHARE_AT_ONCE = 0.04;
const SHARE_AT_END = 0.01;

/**
 * What it takes to have the workers go through a phase, in multiply-adds that cores do meanwhile, and phases of a step. Measured by processor
 * time on two cores: a character language model of 2 × 256 units took as long for 60 tokens as for 0.83 of its steps; by this it is 0.81.
 */
const CALL = 2.2e7;
const PHASES = 5;
/** Rows that a product costs at least: one row reads all the weights, too. */
const LEAST_ROWS = 16;

/** What a network takes, in multiply-adds: for a token of its own, and of its source where it has one. */
export interface TokenWork {
  own: number;
  source: number;
}

export function tokenWork(shape: NetworkShape): TokenWork {
  const { layers } = describeNetwork(shape);
  const workOf = (of: 'source' | undefined): number =>
    layers.reduce((sum, layer) => sum + (layer.of === of ? layer.multiplyAdds(1, 0) : 0), 0);
  return { own: workOf(undefined), source: workOf('source') };
}

/** One call of the workers with so many rows of a token each, or tokens of whole rows. */
export function callWork(work: number, tokens: number): number {
  return 2 * CALL + Math.max(LEAST_ROWS, tokens) * work;
}

/** An update that follows from some batches of so many tokens each. */
export function updateWork(
  { own, source }: TokenWork,
  batches: number,
  tokens: number,
  sourceTokens: number,
): number {
  return batches * (PHASES * CALL + 3 * (own * tokens + source * sourceTokens));
}

/**
 * Whether an evaluation is to show texts that are written for it.
 *
 * @param step after which it takes place
 * @param work of writing them, and of an update
 */
export function showsAt(
  step: number,
  work: { writing: number; update: number },
  { everySteps, totalSteps }: { everySteps: number; totalSteps: number },
): boolean {
  const ratio = work.writing / work.update;
  if (step === totalSteps) return ratio <= SHARE_AT_END * totalSteps;
  if (ratio > SHARE_AT_ONCE * everySteps) return false;
  const apart = Math.ceil(ratio / SHARE);
  return Math.floor(step / apart) > Math.floor((step - everySteps) / apart);
}
