import * as z from 'zod';
import { zod } from '../zod.js';
import { averagings } from '../optimizers/averaging.js';
import type { OptimizerKind } from '../optimizers/optimizer.js';
import { optimizers } from '../optimizers/registry.js';
import type { ScheduleKind } from '../optimizers/schedule.js';
import { schedules } from '../optimizers/schedules.js';
import { float32 } from '../tensor/float32.js';

/** What a config says of the optimizer and its learning rate: a variant for each kind of them. */

/** A literal that may be left out. */
function usual<Kind extends string>(kind: Kind) {
  // Optional on the inside, or the union would not find this variant without its kind.
  return z.literal(kind).optional().default(kind);
}

function scheduleVariant<Key extends z.core.$ZodType, Shape extends z.core.$ZodShape>(
  kind: Key,
  { options }: ScheduleKind<string, Shape>,
) {
  return z.strictObject({
    kind,
    warmupSteps: z
      .int()
      .min(0)
      .default(0)
      .describe(
        'Updates in which the learning rate rises from nothing to its full value; the schedule begins after them.',
      ),
    ...options.shape,
  });
}

const scheduleSchema = z
  .discriminatedUnion('kind', [
    scheduleVariant(usual('constant'), schedules.constant),
    scheduleVariant(z.literal('linear'), schedules.linear),
    scheduleVariant(z.literal('cosine'), schedules.cosine),
    scheduleVariant(z.literal('step'), schedules.step),
    scheduleVariant(z.literal('exponential'), schedules.exponential),
    scheduleVariant(z.literal('one-cycle'), schedules['one-cycle']),
    scheduleVariant(z.literal('plateau'), schedules.plateau),
  ])
  .describe(
    'How the learning rate goes on after the warm-up: it stays; falls to nothing by the end of `train.epochs` in a straight line or in half a cosine wave; falls in steps, or from step to step or epoch to epoch; rises and falls once in the whole run; or falls where the validation loss no longer does.',
  )
  .meta({ id: 'schedule' });

function optimizerVariant<Key extends z.core.$ZodType, Shape extends z.core.$ZodShape>(
  kind: Key,
  { learningRate, options }: OptimizerKind<string, Shape>,
) {
  return z.strictObject({
    kind,
    learningRate: float32(z.number().positive().max(10)).default(learningRate),
    schedule: scheduleSchema.prefault({}),
    ...options(zod).shape,
  });
}

export const optimizerSchema = z
  .discriminatedUnion('kind', [
    optimizerVariant(usual('adam'), optimizers.adam),
    optimizerVariant(z.literal('adamw'), optimizers.adamw),
    optimizerVariant(z.literal('sgd'), optimizers.sgd),
    optimizerVariant(z.literal('rmsprop'), optimizers.rmsprop),
    optimizerVariant(z.literal('adagrad'), optimizers.adagrad),
  ])
  .describe('How weights follow from gradients.');

export const averagingSchema = z
  .discriminatedUnion('kind', [averagings.ema, averagings['nt-asgd']])
  .nullable()
  .default(null)
  .describe(
    'An average of the weights over the steps, which is evaluated, used and shared in their place, while training goes on with the weights themselves; null takes none.',
  );
