import * as z from 'zod';
import { triggerSchema, watchTrigger, type AveragingConfig } from './averaging.js';
import { plateauSchema } from './plateau.js';
import { scheduleKind } from './schedules.js';

/** What training takes from its evaluations, beside the best weights and its end. */

/** What evaluations so far have to say on the updates to come: part of a checkpoint's state. */
export const adviceSchema = z.strictObject({
  plateau: plateauSchema.optional(),
  averaging: triggerSchema.optional(),
});
export type Advice = z.output<typeof adviceSchema>;

interface Advised {
  optimizer: { schedule: { kind: string; warmupSteps: number } };
  averaging?: AveragingConfig | null;
}

/** Keys of a config whose values need evaluations. */
export function advisedKeys({ optimizer, averaging }: Advised): string[] {
  return [
    ...(scheduleKind(optimizer.schedule.kind).watch ? ['train.optimizer.schedule'] : []),
    ...(averaging?.kind === 'nt-asgd' ? ['train.averaging'] : []),
  ];
}

/**
 * The advice after one more evaluation.
 *
 * @param step updates done before it
 */
export function followEvaluation(
  { optimizer, averaging }: Advised,
  former: Advice,
  loss: number,
  step: number,
): Advice {
  const { kind, warmupSteps, ...options } = optimizer.schedule;
  const found = scheduleKind(kind);
  // Losses of the warm-up say nothing of the rate that it leads to.
  const counts = step > warmupSteps;
  const plateau = (counts && found.watch?.(options, former.plateau, loss)) || former.plateau;
  const trigger =
    averaging?.kind === 'nt-asgd'
      ? watchTrigger(averaging, former.averaging, loss, step)
      : former.averaging;
  return { ...(plateau && { plateau }), ...(trigger && { averaging: trigger }) };
}
