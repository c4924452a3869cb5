import type { z } from 'zod';
import type { Zod } from '../zod.js';
import { float32 } from '../tensor/float32.js';

/** Options that several kinds of optimizers have. */

/** A share that is kept from step to step. */
export function decay(z: Zod, usual: number, description: string): z.ZodDefault<z.ZodNumber> {
  return float32(z.number().min(0).lt(1)).default(usual).describe(description);
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
