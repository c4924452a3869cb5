/** A process one thread of which does not answer while the process grows: entry for a test of thread-heap. */
import { setTimeout } from 'node:timers';
import { Worker } from 'node:worker_threads';
import { watchHeaps } from '../dist/src/thread-heap.js';

const grownMiB = Number(process.argv[2]);
const thread = new Worker(new URL('hungry-thread.js', import.meta.url), {
  workerData: 'outside V8',
});
const stop = watchHeaps(() => [thread], { young: 2 }, 0, { ms: 200, growthMiB: 64 });
let kept;
thread.once('online', () => {
  setTimeout(() => (kept = Buffer.alloc(grownMiB * 2 ** 20, 1)), 600);
});
thread.once('exit', () => {
  stop();
  console.log(`ended with ${kept.length / 2 ** 20} MiB`);
});
