import { z } from 'zod';

/** What numbers are standardised by before a network learns them: mean and deviation of those of the training split. */
export const targetScaleSchema = z.strictObject({
  mean: z.number(),
  deviation: z.number().positive(),
});

export type TargetScale = z.output<typeof targetScaleSchema>;
