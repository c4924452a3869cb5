/**
 * A compute thread that dies now and then, for `npm run soak`: it exits, or meets an error, before a task or
 * behind one, once in a few hundred tasks.
 */
import { threadId, workerData } from 'node:worker_threads';
import { claimThreadPlace, joinEngine } from '../dist/src/train/runner.js';

const TASKS_PER_DEATH = 300;

const run = joinEngine(workerData, claimThreadPlace(workerData, threadId));

function dieNowAndThen() {
  if (Math.random() * 2 * TASKS_PER_DEATH >= 1) return;
  if (Math.random() < 0.5) process.exit(3);
  throw new Error('struck by the soak test');
}

export default (task) => {
  dieNowAndThen();
  run(task);
  dieNowAndThen();
};
