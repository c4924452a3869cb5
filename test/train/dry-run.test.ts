import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { prepareCorpus } from '../../src/data/prepare/prepare.js';
import type { TrainEvent } from '../../src/events.js';
import { dryRun } from '../../src/train/dry-run.js';
import { train } from '../../src/train/run.js';
import { useScratch } from '../data/scratch.js';
import { readTree } from '../e2e/tree.js';

const scratch = useScratch();

const rows = Array.from(
  { length: 60 },
  (_, i) => `${i % 2 ? 'free money' : 'patch applied'} ${i % 7},${i % 2 ? 'spam' : 'ham'}`,
);

async function setUp(changes: readonly string[] = []) {
  const { dir, path } = await scratch({ 'rows.csv': `text,label\n${rows.join('\n')}\n` });
  const text = `task: classify\ndata: { train: ${path('rows.csv')}, storeDir: ${path('stores')} }\nmodel: { embedding: 8, layers: [{ hiddenSize: 16 }] }\ntrain: { batchSize: 8, epochs: 5 }\nworkers: 1`;
  return { dir, path, config: parseConfig(text, 'tiny.yaml', changes) };
}

const looks = async () =>
  (await readdir(tmpdir())).filter((name) => name.startsWith('lockstep-look-'));

test('tells what the run would be and leaves nothing anywhere', async () => {
  const { dir, path, config } = await setUp();
  const before = [readTree(dir), await looks()];
  const look = await dryRun(config, path('run'), () => undefined);
  expect([readTree(dir), await looks()]).toEqual(before);
  const started: TrainEvent[] = [];
  await train(config, { runDir: path('run'), resume: false, listener: (e) => started.push(e) });
  const start = started.find(({ type }) => type === 'start');
  expect(look.start).toEqual(start);
  const evaluations = started.filter(({ type }) => type === 'evaluation');
  expect(look.evaluations).toBe(evaluations.length);
  expect(look.timedSteps).toBeGreaterThan(0);
  expect(look.totalSeconds).toBeGreaterThan(look.start.totalSteps * look.stepSeconds * 0.99);
});

test('takes the data that is prepared', async () => {
  const { path, config } = await setUp();
  const corpus = await prepareCorpus(config, () => undefined);
  await corpus.close();
  const look = await dryRun(config, path('run'), () => undefined);
  expect(look.storeDir).toBe(corpus.storeDir);
});

test('refuses what training refuses, with the same sentence, and leaves nothing', async () => {
  const { dir, path, config } = await setUp(['data.label=klass']);
  const before = [readTree(dir), await looks()];
  const refusalOf = (run: Promise<unknown>) =>
    run.then(
      () => 'none',
      (error: unknown) => (error instanceof Error ? error.message : ''),
    );
  const refusal = await refusalOf(dryRun(config, path('run'), () => undefined));
  expect([readTree(dir), await looks()]).toEqual(before);
  expect(refusal).toContain('has no column "klass"');
  const options = { runDir: path('run'), resume: false, listener: () => undefined };
  expect(refusal).toBe(await refusalOf(train(config, options)));
});
