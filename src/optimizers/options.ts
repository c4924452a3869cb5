import type { z } from 'zod';
import type { Zod } from '../zod.js';
import { float32 } from '../tensor/float32.js';

/** Options that several kinds of optimizers have. */

/** A share that is kept from step to step. */
export function decay(z: Zod, usual: number, description: string): z.ZodDefault<z.ZodNumber> {
  return float32(z.number().min(0).lt(1)).default(usual).describe(description);
}

/** Momentum; where there is none, nothing is kept of a step. */
export function momentumShare(z: Zod): z.ZodDefault<z.ZodNumber> {
  return decay(
    z,
    0,
    'Share of the last step that goes into the next one; 0 keeps nothing of a step.',
  );
}

export function epsilon(z: Zod, usual: number): z.ZodDefault<z.ZodNumber> {
  return float32(z.number().positive())
    .default(usual)
    .describe("Added to the update's denominator.");
}

/** Weight decay as a penalty: it passes through whatever the rule does to gradients. */
export function weightPenalty(z: Zod): z.ZodDefault<z.ZodNumber> {
  return float32(z.number().min(0).max(10))
    .default(0)
    .describe('How much of a weight is added to its gradient; biases have no decay.');
}
