import { parentPort, workerData } from 'node:worker_threads';
import { type ReaderHandle, serveBatches } from '../src/data/batches/read-ahead.js';

/** Entry of the thread that reads batches ahead of training. */
await serveBatches(workerData as ReaderHandle, parentPort!);
