/** Compute threads that do harm, for tests of whole runs. */
import { workerData } from 'node:worker_threads';
import { openHeap } from '../../dist/src/compute/engine-memory.js';
import { joinMortal } from './deaths.js';

/**
 * From `step` on the thread dies whenever it is given `phase`, or spoils a parameter before it.
 *
 * @param {{ fault: string, phase: string, step: number }} harm the fault is 'poison' or one of WAYS_TO_DIE
 */
export function computeFaultily({ fault, phase, step }) {
  const { heap, plan } = openHeap(workerData);
  return joinMortal((when, name, part, present) => {
    if (when !== 'before' || name !== phase || present < step) return undefined;
    if (fault !== 'poison') return fault;
    const { value } = plan.parameters.find((parameter) => parameter.name === 'lstm.weight_hh_l0');
    heap.flat(value)[5] = NaN;
    return undefined;
  });
}
