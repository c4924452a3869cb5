/**
 * One process of `npm run soak`: trains by a config until it is finished, stopped by SIGTERM, or killed, and tells
 * its parent what happens.
 *
 *   node scripts/soak-train.js CONFIG RUN_DIR WORKERS [resume] [deadly]
 */
/* global AbortController */
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../dist/src/config/load.js';
import { train } from '../dist/src/train/run.js';

const [file, runDir, workers, ...flags] = process.argv.slice(2);
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());

await train(await loadConfig(file, [`workers=${workers}`]), {
  runDir,
  resume: flags.includes('resume'),
  signal: stop.signal,
  listener: ({ type, message, reason }) => process.send({ type, message, reason }),
  ...(flags.includes('deadly') && {
    workerFile: fileURLToPath(new URL('soak-worker.js', import.meta.url)),
  }),
});
process.disconnect();
