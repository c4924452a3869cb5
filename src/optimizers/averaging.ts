import type { z } from 'zod';
import type { Zod } from '../zod.js';
import { decay } from './options.js';

/** Averages of weights over the steps: what is evaluated and used, while training goes on with the weights themselves. */

/** The exponential moving average, as torch.optim.swa_utils has it. */
export const emaOptions = (z: Zod) =>
  z.strictObject({
    kind: z.literal('ema'),
    decay: decay(z, 0.999, 'Share of the average that is kept in each step.'),
  });

export type AveragingConfig = z.output<ReturnType<typeof emaOptions>>;

/** What checkpoints call the weights themselves, where the model's file holds their averages. */
export const RAW = 'raw';

/**
 * How far an update moves the averages towards the weights that it has made.
 *
 * @param step number of the update, from 1: the first one's weights are the first averages
 */
export function averageShare({ decay }: AveragingConfig, step: number): number {
  return step === 1 ? 1 : 1 - decay;
}
