import * as z from 'zod';
import { plateauOptions, rateAfterFalls, watchPlateau } from './plateau.js';
import { defineSchedule, type Moment, type ScheduleKind } from './schedule.js';
import { counted } from '../system/counted.js';

const constant = defineSchedule({
  kind: 'constant',
  options: z.strictObject({}),
  endsWithRun: false,
  factor: () => 1,
});

/** Falls to nothing behind the last step: that one still learns. */
const linear = defineSchedule({
  kind: 'linear',
  options: z.strictObject({}),
  endsWithRun: true,
  factor: (_, { step, steps }) => 1 - step / steps,
});

/** Half a wave, to nothing behind the last step. */
const cosine = defineSchedule({
  kind: 'cosine',
  options: z.strictObject({}),
  endsWithRun: true,
  factor: (_, { step, steps }) => wave(1, 0, step / steps),
});

const units = { step: () => 1, epoch: (stepsPerEpoch: number) => stepsPerEpoch } as const;

const unit = z
  .enum(['step', 'epoch'])
  .default('epoch')
  .describe('What is counted: updates, or passes over the training split.');

const gamma = z.number().positive().max(1);

/** Falls all at once, again and again. */
const step = defineSchedule({
  kind: 'step',
  options: z.strictObject({
    every: z.int().positive().describe('Epochs, or steps, between two falls.'),
    unit,
    gamma: gamma.default(0.1).describe('What the rate is multiplied by in a fall.'),
  }),
  endsWithRun: false,
  factor: ({ every, unit, gamma }, { step, stepsPerEpoch }) =>
    gamma ** Math.floor(step / (every * units[unit](stepsPerEpoch))),
});

const exponential = defineSchedule({
  kind: 'exponential',
  options: z.strictObject({
    unit,
    gamma: gamma.describe('What the rate is multiplied by after each epoch, or step.'),
  }),
  endsWithRun: false,
  factor: ({ unit, gamma }, { step, stepsPerEpoch }) =>
    gamma ** Math.floor(step / units[unit](stepsPerEpoch)),
});

/** Up to the full rate and far down again (Smith & Topin 2018), as PyTorch's OneCycleLR has it; momentum stays. */
const oneCycle = defineSchedule({
  kind: 'one-cycle',
  options: z.strictObject({
    risingShare: z
      .number()
      .positive()
      .lt(1)
      .default(0.3)
      .describe('Share of the steps in which the rate rises.'),
    startDivisor: z
      .number()
      .min(1)
      .default(25)
      .describe('The first rate is the full one divided by this.'),
    endDivisor: z
      .number()
      .min(1)
      .default(10_000)
      .describe('The last rate is the first one divided by this.'),
  }),
  endsWithRun: true,
  factor({ risingShare, startDivisor, endDivisor }, { step, steps }) {
    const first = 1 / startDivisor;
    const top = risingShare * steps - 1;
    if (step < top) return wave(first, 1, step / top);
    return wave(1, first / endDivisor, (step - top) / (steps - 1 - top));
  },
});

/** Falls where the validation loss does not. */
const plateau = defineSchedule({
  kind: 'plateau',
  options: plateauOptions,
  endsWithRun: false,
  factor: (options, { falls = 0 }, full) => rateAfterFalls(options, full, falls) / full,
  watch: watchPlateau,
});

/** Every kind of schedule, by its name in a config; the first one is the usual one. */
export const schedules = {
  constant,
  linear,
  cosine,
  step,
  exponential,
  'one-cycle': oneCycle,
  plateau,
} as const;

/** @throws Error for a kind that there is not: configs have been checked */
export function scheduleKind(kind: string): ScheduleKind {
  const found = (Object.values(schedules) as readonly ScheduleKind[]).find(
    (each) => each.kind === kind,
  );
  if (!found) throw new Error(`there is no schedule ${kind}`);
  return found;
}

/**
 * Learning rate of an update: in equal steps it rises from nothing to the first one of the schedule, which then goes on.
 *
 * @param optimizer.learningRate the full one
 * @param moment in all the run's epochs; `maxSteps` does not count, because it may be raised when a run is resumed
 */
export function learningRateAt(
  {
    learningRate,
    schedule: { kind, warmupSteps, ...options },
  }: { learningRate: number; schedule: { kind: string; warmupSteps: number } },
  { step, steps, stepsPerEpoch, falls = 0 }: Moment,
): number {
  const found = scheduleKind(kind);
  const rateAt = (after: number): number =>
    learningRate *
    // Nothing is left of a run that ends in its warm-up; the first rate is there all the same.
    found.factor(
      options,
      { step: after, steps: Math.max(1, steps - warmupSteps), stepsPerEpoch, falls },
      learningRate,
    );
  if (step < warmupSteps) return (rateAt(0) * (step + 1)) / warmupSteps;
  return rateAt(step - warmupSteps);
}

/**
 * A sentence where a run ends in its warm-up, so that the full rate is never reached.
 *
 * @param steps of the whole run
 */
export function describeWarmup(warmupSteps: number, steps: number): string | undefined {
  if (warmupSteps < steps || steps === 0 || warmupSteps === 0) return undefined;
  return (
    `train.optimizer.schedule.warmupSteps: the learning rate rises for ${counted(warmupSteps, 'step')}, and the run ends after ${steps}: ` +
    'the schedule that was to follow never begins.'
  );
}

/** From one value to another in half a cosine wave. */
function wave(from: number, to: number, progress: number): number {
  return to + ((from - to) * (1 + Math.cos(Math.PI * progress))) / 2;
}
