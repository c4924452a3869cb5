import { parentPort, workerData } from 'node:worker_threads';
import type { ServerHandle } from '../src/observe/server/messages.js';
import { serveSnapshots } from '../src/observe/server/thread.js';

/** Entry of the thread that serves the metrics and the live page. */
serveSnapshots(workerData as ServerHandle, parentPort!);
