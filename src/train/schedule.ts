import type { Config } from '../config/schema.js';

/**
 * Learning rate of an update: it rises in equal steps during the warm-up, then stays, or falls to nothing at the
 * end of the run. A function of the step alone, so that a resumed run goes on as if it had never stopped.
 *
 * @param step number of the update, from 1
 * @param plannedSteps updates in all the run's epochs; `maxSteps` does not count, because it may be raised
 *   when a run is resumed
 */
export function learningRateAt(
  { learningRate, schedule }: Pick<Config['train']['optimizer'], 'learningRate' | 'schedule'>,
  step: number,
  plannedSteps: number,
): number {
  const { kind, warmupSteps } = schedule;
  if (step <= warmupSteps) return (learningRate * step) / warmupSteps;
  // Below 1 in the last step: that one still learns.
  const progress = (step - warmupSteps - 1) / (plannedSteps - warmupSteps);
  switch (kind) {
    case 'constant':
      return learningRate;
    case 'linear':
      return learningRate * (1 - progress);
    case 'cosine':
      return (learningRate * (1 + Math.cos(Math.PI * progress))) / 2;
  }
}
