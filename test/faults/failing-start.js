/** A compute thread that fails to start: the first one half a second later than all others. */
import { workerData } from 'node:worker_threads';

const { deaths } = workerData;
if (Atomics.add(deaths, 0, 1) === 0)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
throw new Error('unable to start');
