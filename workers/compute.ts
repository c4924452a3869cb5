import { threadId, workerData } from 'node:worker_threads';
import type { EngineHandle } from '../src/compute/engine-memory.js';
import { claimThreadPlace, joinEngine } from '../src/compute/runner.js';

/** Entry of a compute thread: binds the kernels to the shared heap once, then runs tasks. */
const handle = workerData as EngineHandle;

export default joinEngine(handle, claimThreadPlace(handle, threadId));
