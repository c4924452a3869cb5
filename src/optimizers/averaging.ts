import * as z from 'zod';
import { zod } from '../zod.js';
import { decay } from './options.js';

/** Averages of weights over the steps: what is evaluated and used, while training goes on with the weights themselves. */

export const averagings = {
  /** The exponential moving average, as torch.optim.swa_utils has it. */
  ema: z.strictObject({
    kind: z.literal('ema'),
    decay: decay(zod, 0.999, 'Share of the average that is kept in each step.'),
  }),
  /** The mean of all weights from a step on that validation chooses (NT-ASGD: Merity et al. 2017), formed as torch.optim.ASGD forms it. */
  'nt-asgd': z.strictObject({
    kind: z.literal('nt-asgd'),
    n: z
      .int()
      .min(1)
      .max(1000)
      .default(5)
      .describe(
        'Averaging begins after an evaluation whose loss is above the lowest one of those that came before the last n.',
      ),
  }),
} as const;

export type AveragingConfig = z.output<(typeof averagings)[keyof typeof averagings]>;

/** What evaluations so far have to say on when averaging begins. */
export const triggerSchema = z.strictObject({
  /** Losses of the last n evaluations, the latest one last; null for one that was not finite. */
  recent: z.array(z.number().nullable()),
  /** The lowest one of those before. */
  lowest: z.number().optional(),
  /** Updates done before averaging began, once it has. */
  from: z.int().min(0).optional(),
});
export type Trigger = z.output<typeof triggerSchema>;

/**
 * How far an update moves the averages towards the weights that it has made. Until averaging begins, they are the weights.
 *
 * @param step number of the update, from 1
 * @param from updates before averaging began, where evaluations decide on it; undefined where it has not begun
 */
export function averageShare(config: AveragingConfig, step: number, from?: number): number {
  if (config.kind === 'ema') return step === 1 ? 1 : 1 - config.decay;
  return from === undefined ? 1 : 1 / Math.max(1, step - 1 - from);
}

/**
 * What is known of when averaging begins, after one more evaluation.
 *
 * @param step updates done before it
 */
export function watchTrigger(
  { n }: { n: number },
  { recent, lowest, from }: Trigger = { recent: [] },
  loss: number,
  step: number,
): Trigger {
  if (from !== undefined) return { recent: [], from };
  const isWorse = lowest !== undefined && !(loss <= lowest);
  if (isWorse) return { recent: [], from: step };
  const all = [...recent, Number.isFinite(loss) ? loss : null];
  const leaving = all.length > n ? (all[0] ?? Infinity) : Infinity;
  const lowestNow = Math.min(lowest ?? Infinity, leaving);
  return { recent: all.slice(-n), ...(lowestNow < Infinity && { lowest: lowestNow }) };
}
