/** Compute threads that do harm, for tests of whole runs; in plain JavaScript so that Node runs them. */
import { threadId, workerData } from 'node:worker_threads';
import { openHeap } from '../../dist/src/train/engine.js';
import { claimThreadPlace, joinEngine } from '../../dist/src/train/runner.js';

/**
 * From `step` on the thread dies whenever it is given `phase`, or spoils a parameter before it.
 *
 * @param {{ fault: 'exit' | 'poison', phase: string, step: number }} harm
 */
export function computeFaultily({ fault, phase, step }) {
  const { heap, plan } = openHeap(workerData);
  // The coordinator writes the step there, among the optimizer's settings, before the step begins.
  const settings = heap.flatDoubles(plan.settings);
  return joinEngine(workerData, claimThreadPlace(workerData, threadId), (name, _part, run) => {
    if (name === phase && settings[0] >= step) {
      if (fault === 'exit') process.exit(3);
      const { value } = plan.parameters.find((parameter) => parameter.name === 'lstm.weight_hh_l0');
      heap.flat(value)[5] = NaN;
    }
    run();
  });
}
