/** A compute thread that dies as it is told to: entry for the pool's tests. */
import { workerData } from 'node:worker_threads';
import { joinMortal } from './deaths.js';

const { deaths, plan } = workerData;

// Every death happens once in all threads together.
export default joinMortal((when, phase, part) => {
  const index = plan.findIndex(
    (death, i) =>
      death.when === when &&
      death.phase === phase &&
      death.part === part &&
      Atomics.load(deaths, i) < death.times,
  );
  if (index === -1) return undefined;
  Atomics.add(deaths, index, 1);
  const { way } = plan[index];
  if (way !== 'error between tasks') return way;
  // Hits whatever the thread does by then, or nothing.
  void Promise.reject(new Error('struck by the test'));
  return undefined;
});
