import { workerData } from 'node:worker_threads';
import { joinPreparation, type PrepareHandle } from '../src/data/prepare/work/works.js';

/** Entry of a thread that prepares data. */
export default joinPreparation(workerData as PrepareHandle);
