import { join } from 'node:path';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import {
  type ConfigInput,
  openModel,
  prepareCorpus,
  prepareHeldOut,
  readExamples,
  train,
  type TrainEvent,
  type TrainListener,
} from '../../src/index.js';
import { collect } from '../data/scratch.js';
import { makeWorkplace } from '../e2e/corpus.js';

// A listener that fails ends what it listens to, whether it throws or is async and rejects, and the process hears of
// nothing that the caller does not.

const cwd = makeWorkplace();
const file = join(cwd, 'colours.csv');
const config: ConfigInput = {
  task: 'classify',
  data: { train: file, validation: 0.2, storeDir: join(cwd, 'stores') },
  model: { embedding: 8, layers: [{ hiddenSize: 8 }] },
  train: { batchSize: 8, maxSteps: 6, evaluateEverySteps: 3, checkpoint: { everySteps: 3 } },
  workers: 1,
};
const unhandled = vi.fn();
process.on('unhandledRejection', unhandled);
afterAll(() => void process.off('unhandledRejection', unhandled));
afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  expect(unhandled).not.toHaveBeenCalled();
});

const refusal = new Error('the listener is full');
const types = ['start', 'step', 'evaluation', 'checkpoint', 'end'] as const;

/** What a caller in JavaScript may pass as a listener. */
function hear(listener: (event: TrainEvent) => unknown): TrainListener {
  return listener;
}

const kinds = {
  'that throws': () => {
    throw refusal;
  },
  'whose promise rejects': () => Promise.reject(refusal),
  'whose promise rejects later': async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    throw refusal;
  },
};

test.each(Object.entries(kinds))('a listener %s ends the run, at any event', async (name, fail) => {
  for (const type of types) {
    const listener = (event: TrainEvent): unknown => (event.type === type ? fail() : undefined);
    const runDir = join(cwd, `${name} ${type}`);
    const outcome = train(config, { runDir, listener: hear(listener) });
    await expect(outcome, type).rejects.toBe(refusal);
  }
});

test.each(Object.entries(kinds))('a listener %s ends a preparation', async (_name, fail) => {
  const listener = fail as () => void;
  await expect(prepareCorpus(config, listener)).rejects.toBe(refusal);
  const corpus = await prepareCorpus(config);
  await corpus.close();
});

test.each(Object.entries(kinds))('one %s is told by all that notify', async (name, fail) => {
  const notify = fail as () => void;
  const reading = readExamples([file, file], { text: 'text' }, notify);
  await expect(collect(reading)).rejects.toBe(refusal);
  const runDir = join(cwd, `whole ${name}`);
  await train(config, { runDir });
  const model = await openModel(runDir, { workers: 1 });
  await expect(prepareHeldOut(model, [file, file], 'files', notify)).rejects.toBe(refusal);
  await model.close();
});

test('what a listener has begun is waited for, and of two failures the first is told', async () => {
  let ended = false;
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const listener = async ({ type }: TrainEvent): Promise<void> => {
    await held;
    await new Promise((resolve) => setTimeout(resolve, 20));
    if (type === 'end') ended = true;
  };
  await train(config, { runDir: join(cwd, 'slow'), listener: (event) => void listener(event) });
  expect(ended).toBe(false);
  release();
  await train(config, { runDir: join(cwd, 'waited'), listener: hear(listener) });
  expect(ended).toBe(true);
});
