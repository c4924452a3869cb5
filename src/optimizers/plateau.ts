import * as z from 'zod';

/** Falls of the learning rate on a plateau of the validation loss, as torch.optim.lr_scheduler.ReduceLROnPlateau has them. */

export const plateauOptions = z.strictObject({
  factor: z
    .number()
    .positive()
    .lt(1)
    .default(0.1)
    .describe('What the rate is multiplied by in a fall.'),
  patience: z
    .int()
    .min(0)
    .default(10)
    .describe('Evaluations in a row without a better validation loss that are let pass.'),
  threshold: z
    .number()
    .min(0)
    .lt(1)
    .default(1e-4)
    .describe('Share by which a loss has to be below the best one to be better.'),
  cooldown: z
    .int()
    .min(0)
    .default(0)
    .describe('Evaluations after a fall that do not count as being without a better loss.'),
  minimum: z.number().min(0).default(0).describe('Rate below which it does not fall.'),
});
export type PlateauOptions = z.output<typeof plateauOptions>;

const count = z.int().min(0);

/** What evaluations so far have to say on the rate. */
export const plateauSchema = z.strictObject({
  /** Absent before the first finite loss. */
  best: z.number().optional(),
  withoutBetter: count,
  cooldown: count,
  falls: count,
});
export type Plateau = z.output<typeof plateauSchema>;

/** A fall that is not larger is none. */
const SMALLEST_FALL = 1e-8;

/** What is known of the plateau after one more evaluation. */
export function watchPlateau(
  { threshold, patience, cooldown: pause }: PlateauOptions,
  former: Plateau = { withoutBetter: 0, cooldown: 0, falls: 0 },
  loss: number,
): Plateau {
  const { best = Infinity, falls } = former;
  const isBetter = loss < best * (1 - threshold);
  const cools = former.cooldown > 0;
  const withoutBetter = isBetter || cools ? 0 : former.withoutBetter + 1;
  const lowest = isBetter ? loss : best;
  const known = lowest < Infinity && { best: lowest };
  return withoutBetter > patience
    ? { ...known, withoutBetter: 0, cooldown: pause, falls: falls + 1 }
    : { ...known, withoutBetter, cooldown: cools ? former.cooldown - 1 : 0, falls };
}

/** The rate after so many falls. */
export function rateAfterFalls(
  { factor, minimum }: Pick<PlateauOptions, 'factor' | 'minimum'>,
  full: number,
  falls: number,
): number {
  let rate = full;
  for (let fall = 0; fall < falls; fall++) {
    const next = Math.max(rate * factor, minimum);
    // Nor will any later one be larger.
    if (rate - next <= SMALLEST_FALL) return rate;
    rate = next;
  }
  return rate;
}
