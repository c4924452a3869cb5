/** A compute thread that dies as it is told to: entry for the pool's tests. */
import { workerData } from 'node:worker_threads';
import { joinMortal } from './deaths.js';

const { deaths, plan } = workerData;

// Every death happens once in all threads together.
export default joinMortal((when, phase, part, step, met) => {
  const death = plan.find(
    (planned, i) =>
      planned.when === when &&
      planned.phase === phase &&
      (planned.part ?? part) === part &&
      (planned.step ?? step) === step &&
      (planned.met ?? met) === met &&
      isDue(i),
  );
  if (death === undefined) return undefined;
  const { way } = death;
  if (way !== 'error between tasks') return way;
  // Hits whatever the thread does by then, or nothing.
  void Promise.reject(new Error('struck by the test'));
  return undefined;
});

/** Whether a death has not yet happened as often as planned; if so it counts as having happened. */
function isDue(index) {
  if (Atomics.add(deaths, index, 1) < plan[index].times) return true;
  Atomics.sub(deaths, index, 1);
  return false;
}
