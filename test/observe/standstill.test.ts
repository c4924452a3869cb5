import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { start, until } from '../e2e/cli.js';
import { makeWorkplace } from '../e2e/corpus.js';
import { bundleModule, writeEntry } from '../faults/thread-module.js';
import { isPrometheusMissing, LivePrometheus } from './live-prometheus.js';
import { startScraped, type ScrapedRun } from './scraped-run.js';

/** Alerts of what does not happen, raised by runs in which it does not: rules look back over seconds instead of minutes. */

const needed = isPrometheusMissing
  ? ' (skipped: needs prometheus, which Debian has in a package of that name)'
  : '';

const cwd = makeWorkplace();
const prometheus = new LivePrometheus('20s');
const runs = new Map<string, ScrapedRun>();
const stop = new AbortController();

/** What the threads of the run that is stuck wait for. */
const release = join(cwd, 'release');

interface Held {
  workers: number;
  everySteps?: number;
  /** By part, in milliseconds a step: long enough that the rest is little, on busy cores too. */
  delays: Record<number, number>;
  stuck?: { step: number; file: string };
}

/** Begins a run whose threads are held up. */
async function begin(name: string, { workers, everySteps = 1, delays, stuck }: Held) {
  const call = `joinDelayed(...${JSON.stringify([delays, ...(stuck ? [stuck] : [])])})`;
  const workerFile = writeEntry(join(cwd, `${name}.mjs`), bundleModule(cwd, 'delays.js'), call);
  const yaml = `task: classify
data: { train: ['${cwd}/colours.csv'], storeDir: ${cwd}/stores }
model: { embedding: 8, layers: [{ hiddenSize: 12 }] }
workers: ${workers}
train: { batchSize: 8, epochs: 1000000, evaluateEverySteps: 1000000, checkpoint: { everySteps: ${everySteps} } }\n`;
  const options = { workerFile, signal: stop.signal };
  runs.set(name, await startScraped(prometheus, cwd, name, yaml, options));
}

const instancesOf = (names: readonly string[]) => names.map((name) => runs.get(name)!.instance);

/** Waits until an alert is raised for one, and not for any of the others. */
async function expectRaised(alert: string, by: string, others: readonly string[]): Promise<void> {
  await prometheus.until(`${alert} is raised by ${by}, not by ${others.join()}`, async () => {
    const raised = new Set(await prometheus.alerts());
    const isRaisedBy = (instance: string): boolean => raised.has(`${alert} ${instance}`);
    return isRaisedBy(by) && !others.some(isRaisedBy);
  });
}

describe.skipIf(isPrometheusMissing)(`what does not happen in runs${needed}`, () => {
  beforeAll(async () => {
    await prometheus.start();
    await Promise.all([
      begin('stuck', { workers: 1, delays: { 0: 100 }, stuck: { step: 10, file: release } }),
      begin('uneven', { workers: 3, delays: { 2: 1000 } }),
      begin('careless', { workers: 1, delays: { 0: 1000 }, everySteps: 1_000_000 }),
    ]);
  });

  afterAll(async () => {
    stop.abort();
    writeFileSync(release, '');
    for (const { ended, server } of runs.values()) {
      await ended;
      await server.close();
    }
    await prometheus.close();
  });

  test.each([
    ['workers that stand still', 'LockstepStalled', 'stuck', ['uneven', 'careless']],
    // Of a run that is stuck nobody knows more than how busy its last step was.
    ['a worker that all others wait for', 'LockstepWorkersIdle', 'uneven', ['careless']],
    ['checkpoints that are too far apart', 'LockstepNoCheckpoint', 'careless', ['uneven', 'stuck']],
  ])('an alert is raised by %s', async (_cause, alert, name, others) => {
    await expectRaised(alert, runs.get(name)!.instance, instancesOf(others));
  });

  test('an alert is raised by a source that has not come to its end', async () => {
    const run = start(
      cwd,
      [
        ...['train', '--config', 'classifier.yaml', '--run-dir', 'runs/waits', '--workers', '1'],
        ...['--metrics-port', '0', '--set', 'data.train=-', 'data.format=csv'],
      ],
      { waits: true },
    );
    const url = (): string | undefined => /Live page at (\S+?),? /.exec(run.stderr())?.[1];
    await until(run, () => url() !== undefined);
    const instance = await prometheus.watch(url()!);
    await expectRaised('LockstepPreparationStalled', instance, instancesOf([...runs.keys()]));
  });
});
