import { z } from 'zod';
import { defineSchedule, type Moment, type ScheduleKind } from './schedule.js';

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

/** Every kind of schedule, by its name in a config; the first one is the usual one. */
export const schedules = { constant, linear, cosine } as const;

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
  { step, steps, stepsPerEpoch }: Moment,
): number {
  const found = scheduleKind(kind);
  const rateAt = (after: number): number =>
    learningRate *
    found.factor(options, { step: after, steps: steps - warmupSteps, stepsPerEpoch });
  if (step < warmupSteps) return (rateAt(0) * (step + 1)) / warmupSteps;
  return rateAt(step - warmupSteps);
}

/** From one value to another in half a cosine wave. */
function wave(from: number, to: number, progress: number): number {
  return to + ((from - to) * (1 + Math.cos(Math.PI * progress))) / 2;
}
