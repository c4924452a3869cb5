/** Trains a tiny model for 20,000 steps and compares resident memory after step 2,000 with that at the end. */
import { fork } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../../dist/src/config/load.js';
import { train } from '../../dist/src/train/run.js';
import { clear, configOf, fail, folder, say, writeCorpora } from './workplace.js';

/** Resident memory may grow by this share. */
const GROWTH_ALLOWED = 0.03;
const LAST_STEP = 20_000;

/** Steps whose least value counts: the garbage of other threads comes and goes, some MiB, in about as many. */
const STRETCH = 4000;

/**
 * Runs this file in a process of its own. What garbage collection leaves to the next time moves memory up and down:
 * there the young generation has a fixed size, and memory is measured right behind collections.
 */
export async function measureMemory() {
  const flags = ['--max-semi-space-size=1', '--expose-gc'];
  const child = fork(fileURLToPath(import.meta.url), { execArgv: flags });
  process.exitCode = await new Promise((resolve) => child.on('close', resolve));
}

async function measure() {
  writeCorpora();
  const config = await loadConfig(configOf('classifier'), [
    ...['workers=2', `train.maxSteps=${LAST_STEP}`, 'train.epochs=10000'],
    ...['train.evaluateEverySteps=10000', 'train.checkpoint.everySteps=1000'],
  ]);
  const stretches = [
    { name: 'after step 2,000', from: 2000, to: 2000 + STRETCH },
    { name: 'at the end', from: LAST_STEP - STRETCH, to: LAST_STEP },
  ].map((stretch) => ({ ...stretch, resident: Infinity, live: Infinity }));
  await train(config, {
    runDir: path.join(folder, 'memory'),
    resume: false,
    listener({ type, step }) {
      if (type !== 'step' || step % 10 !== 0) return;
      globalThis.gc();
      const stretch = stretches.find(({ from, to }) => step > from && step <= to);
      if (!stretch) return;
      const { rss, heapUsed, external } = process.memoryUsage();
      stretch.resident = Math.min(stretch.resident, rss);
      stretch.live = Math.min(stretch.live, heapUsed + external);
    },
  });
  const show = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  for (const { name, resident, live } of stretches) {
    say(
      `Resident memory ${name}: ${show(resident)}, of which live on the main heap: ${show(live)}`,
    );
  }
  const growth = stretches[1].resident / stretches[0].resident - 1;
  say(`It has grown by ${(100 * growth).toFixed(1)} %.`);
  if (growth > GROWTH_ALLOWED) fail(`Expected at most ${100 * GROWTH_ALLOWED} %.`);
  clear();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await measure();
