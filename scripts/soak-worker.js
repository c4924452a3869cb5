/**
 * A compute thread that dies now and then, for `npm run soak`: it exits, or meets an error, before a phase or
 * behind one, once in a few hundred phases.
 */
import { threadId, workerData } from 'node:worker_threads';
import { claimThreadPlace, joinEngine } from '../dist/src/train/runner.js';

const PHASES_PER_DEATH = 300;

function dieNowAndThen() {
  if (Math.random() * 2 * PHASES_PER_DEATH >= 1) return;
  if (Math.random() < 0.5) process.exit(3);
  throw new Error('struck by the soak test');
}

export default joinEngine(
  workerData,
  claimThreadPlace(workerData, threadId),
  (_phase, _part, run) => {
    dieNowAndThen();
    run();
    dieNowAndThen();
  },
);
