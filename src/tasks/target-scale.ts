import * as z from 'zod';

/** What numbers are standardised by before a network learns them: mean and deviation of those of the training split. */
export interface TargetScale {
  mean: number;
  /** Above 0. */
  deviation: number;
}

export const targetScaleSchema: z.ZodType<TargetScale> = z.strictObject({
  mean: z.number(),
  deviation: z.number().positive(),
});
