/** Compute threads that are held up, as by other programs or a machine at fault: in plain JavaScript so that Node runs it. */
import { existsSync } from 'node:fs';
import { threadId, workerData } from 'node:worker_threads';
import { claimThreadPlace, joinEngine } from '../../dist/src/compute/runner.js';
import { PANEL } from '../../dist/src/tensor/heap.js';
import { openHeap } from '../../dist/src/compute/engine-memory.js';
import { stepsOfSlots } from './deaths.js';

const never = new Int32Array(new SharedArrayBuffer(4));

/**
 * The function that runs a compute thread's tasks, some of which take longer than they would.
 *
 * @param {Record<number, number>} delays how much longer in every step, in milliseconds, by part
 * @param {{ step: number, file: string }} [stuck] nobody gets further than this step before the file is there
 */
export function joinDelayed(delays, stuck) {
  const { heap, plan } = openHeap(workerData);
  const clocks = plan.clocks.map((spec) => heap.flatDoubles(spec));
  const stepOf = stepsOfSlots(workerData);
  const place = claimThreadPlace(workerData, threadId);
  return joinEngine(workerData, place, function* (phase, part, share, slot) {
    while (stuck && stepOf(slot) > stuck.step && !existsSync(stuck.file)) {
      Atomics.wait(never, 0, 0, 50);
    }
    const delay = delays[part] ?? 0;
    if (phase === 'train') {
      Atomics.wait(never, 0, 0, delay);
      // It counts as work, as what a slow core does.
      clocks[slot][part * PANEL] += delay / 1000;
    }
    yield* share;
  });
}
