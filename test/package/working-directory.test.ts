import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type ConfigInput, openModel, train, UserError } from '../../src/index.js';
import { makeWorkplace } from '../e2e/corpus.js';

// Names are meant from where a program stands when it calls; it may move on from there.

const cwd = makeWorkplace();
const elsewhere = join(cwd, 'elsewhere');
mkdirSync(elsewhere);
const home = process.cwd();
afterEach(() => process.chdir(home));

const config: ConfigInput = {
  task: 'classify',
  data: { train: 'colours.csv', validation: 0.2, storeDir: 'stores' },
  model: { embedding: 4, layers: [{ hiddenSize: 4 }] },
  train: { batchSize: 8, maxSteps: 3, checkpoint: { everySteps: 1 } },
  workers: 1,
};

test('a run and its model stay where they are while the program moves to another directory', async () => {
  process.chdir(cwd);
  const listener = ({ type }: { type: string }): void => {
    if (type === 'start') process.chdir(elsewhere);
  };
  const end = await train(config, { runDir: 'run', listener });
  expect(end.step).toBe(3);
  expect(readdirSync(join(cwd, 'run'))).not.toContain('lock');
  expect(readdirSync(elsewhere)).toEqual([]);

  process.chdir(cwd);
  const model = await openModel('run', { workers: 1 });
  process.chdir(elsewhere);
  expect(await model.classify(['the sky'])).toHaveLength(1);
  await model.close();
});

test('data that a program has moved away from is told as such, and leaves no run', async () => {
  process.chdir(cwd);
  const training = train(config, { runDir: 'absent' });
  process.chdir(elsewhere);
  const error: unknown = await training.catch((each: unknown) => each);
  expect(error).toBeInstanceOf(UserError);
  expect((error as UserError).sentences.at(-1)).toBe(
    `The working directory is no longer ${cwd}, as when this was called: give absolute names, or stay there until it is done.`,
  );
  expect(existsSync(join(cwd, 'absent'))).toBe(false);
});
