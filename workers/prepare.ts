import { workerData } from 'node:worker_threads';
import type { Tally } from '../src/data/prepare/tally.js';
import { joinPreparation } from '../src/data/prepare/works.js';

/** Entry of a thread that prepares data. */
export default joinPreparation(workerData as Tally);
