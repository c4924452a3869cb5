/**
 * `npm run soak -- [--minutes N] [--seed N]`: trains a small classifier with dropout and a small language model over
 * and over while processes are killed (SIGKILL), stopped (SIGTERM) and resumed at random on random numbers of workers
 * whose threads die at random, and compares the result, byte for byte, with that of a run that nobody disturbed.
 * Ends with a non-zero status at the first difference, and keeps the runs.
 *
 * Other modes, one at a time:
 *   --deaths N       threads die N times in one run of each model, in every way there is
 *   --kills N        SIGKILL at N random steps of one run of each model
 *   --stops N        the same with SIGTERM
 *   --refusals       damaged and hostile checkpoints against every command that reads one, with times
 *   --resume-times   how long a resume takes at step 10 and at step 100,000
 *   --pauses         how long training stands still for a checkpoint of 20 million weights
 *   --memory         whether memory grows in 20,000 steps
 */
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    deaths: { type: 'string' },
    kills: { type: 'string' },
    stops: { type: 'string' },
    refusals: { type: 'boolean' },
    'resume-times': { type: 'boolean' },
    pauses: { type: 'boolean' },
    memory: { type: 'boolean' },
  },
});
const seed = Number(values.seed);

if (values.memory) {
  const { measureMemory } = await import('./soak/memory.js');
  await measureMemory();
} else if (values.pauses) {
  const { measurePauses } = await import('./soak/pauses.js');
  await measurePauses();
} else if (values['resume-times']) {
  const { measureResumes } = await import('./soak/resume-times.js');
  await measureResumes();
} else if (values.refusals) {
  const { measureRefusals } = await import('./soak/refusals.js');
  await measureRefusals(seed);
} else {
  const { disturbAtRandom, strikeProcesses, strikeThreads } =
    await import('./soak/disturbances.js');
  if (values.deaths) await strikeThreads(Number(values.deaths), seed);
  else if (values.kills) await strikeProcesses('SIGKILL', Number(values.kills), seed);
  else if (values.stops) await strikeProcesses('SIGTERM', Number(values.stops), seed);
  else await disturbAtRandom({ minutes: Number(values.minutes), seed });
}
