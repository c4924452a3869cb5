/**
 * One process of `npm run soak`: trains by a config until it is finished, stopped by SIGTERM, or killed, and tells
 * its parent what happens.
 *
 *   node scripts/soak/train.js CONFIG RUN_DIR WORKERS [--resume] [--worker-file FILE]
 */
/* global AbortController */
import { parseArgs } from 'node:util';
import { loadConfig } from '../../dist/src/config/load.js';
import { train } from '../../dist/src/train/run.js';

const { values, positionals } = parseArgs({
  options: {
    resume: { type: 'boolean', default: false },
    'worker-file': { type: 'string' },
  },
  allowPositionals: true,
});
const [file, runDir, workers] = positionals;
const workerFile = values['worker-file'];
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());

await train(await loadConfig(file, [`workers=${workers}`]), {
  runDir,
  resume: values.resume,
  signal: stop.signal,
  listener: ({ type, step, message, reason }) => process.send({ type, step, message, reason }),
  ...(workerFile && { workerFile }),
});
process.disconnect();
