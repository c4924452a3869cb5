/**
 * A process one thread of which does not answer, until somebody writes to a pipe, while 256 MiB are taken: entry for a
 * test of thread-heap.
 */
import { Buffer } from 'node:buffer';
import console from 'node:console';
import { openSync } from 'node:fs';
import process from 'node:process';
import { setTimeout } from 'node:timers';
import { Worker, isMainThread, workerData } from 'node:worker_threads';
import { watchHeaps } from '../../dist/src/system/thread-heap.js';

const startThread = (data) => new Worker(new URL(import.meta.url), { workerData: data });
const takeMemory = () => Buffer.alloc(256 * 2 ** 20, 1);
let kept;

if (isMainThread) {
  const [, , taker, pipe] = process.argv;
  const silent = startThread({ pipe });
  const runaway = { silentMs: 200, grownBytes: 128 * 2 ** 20 };
  silent.once(
    'exit',
    watchHeaps(() => [silent], { young: 2 }, runaway),
  );
  silent.once('online', () => {
    setTimeout(() => {
      kept = taker === 'thread' ? startThread({}) : takeMemory();
      setTimeout(() => console.log('taken'), 500);
    }, 300);
  });
  silent.once('exit', () => process.exit(kept === undefined ? 1 : 0));
} else if (workerData.pipe) {
  openSync(workerData.pipe);
} else {
  kept = takeMemory();
  setTimeout(() => kept, 2 ** 30);
}
