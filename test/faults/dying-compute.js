/** A compute thread that dies as it is told to: entry for the pool's tests, in plain JavaScript so that Node runs it. */
import { threadId, workerData } from 'node:worker_threads';
import { claimThreadPlace, joinEngine } from '../../dist/src/train/runner.js';

const { deaths, plan } = workerData;

const ways = {
  exit: () => process.exit(3),
  // Hits whatever the thread does by then, or nothing.
  'late error': () => Promise.resolve().then(ways.error),
  error: () => {
    throw new Error('struck by the test');
  },
};

// Every death happens once in all threads together.
function strike(when, phase, part) {
  const index = plan.findIndex(
    (death, i) =>
      death.when === when &&
      death.phase === phase &&
      death.part === part &&
      Atomics.load(deaths, i) < death.times,
  );
  if (index !== -1) {
    Atomics.add(deaths, index, 1);
    ways[plan[index].way]();
  }
}

export default joinEngine(
  workerData,
  claimThreadPlace(workerData, threadId),
  (phase, part, run) => {
    strike('before', phase, part);
    run();
    strike('after', phase, part);
  },
);
