/**
 * A compute thread that dies now and then, for `npm run soak`: it exits, or meets an error, before a phase of its
 * work or behind one, once in some thousand phases.
 */
import { threadId, workerData } from 'node:worker_threads';
import { claimThreadPlace, joinEngine } from '../dist/src/train/runner.js';

const PHASES_PER_DEATH = 1500;

function dieNowAndThen() {
  if (Math.random() * 2 * PHASES_PER_DEATH >= 1) return;
  if (Math.random() < 0.5) process.exit(3);
  throw new Error('struck by the soak test');
}

const place = claimThreadPlace(workerData, threadId);
export default joinEngine(workerData, place, (_phase, _part, run) => {
  dieNowAndThen();
  run();
  dieNowAndThen();
});
