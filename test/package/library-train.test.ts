import { join } from 'node:path';
import { expect, test } from 'vitest';
import { train, UserError, type ConfigInput, type TrainOptions } from '../../src/index.js';
import { useScratch } from '../data/scratch.js';

const scratch = useScratch();
const config: ConfigInput = { task: 'language-model', data: { train: 'absent.txt' } };

async function refusal(given: unknown, options: unknown): Promise<string> {
  const error = await train(given as ConfigInput, options as TrainOptions).catch(
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message;
}

test('train names options as its callers do', async () => {
  const { dir } = await scratch();
  const message = await refusal(config, { runDir: join(dir, 'absent'), resume: true });
  expect(message).toContain('resume: true');
  expect(message).not.toContain('--');
});

test.each<[unknown, string]>([
  [undefined, 'train: expected options with a runDir, got nothing'],
  [{}, 'train: runDir: expected the name of a directory, got nothing'],
  [{ rundir: 'x' }, 'train: rundir: unknown option; did you mean runDir?'],
  [{ runDir: 'x', resume: 'yes' }, 'train: resume: expected true or false, got "yes"'],
])('train refuses the options %j', async (options, sentence) => {
  expect(await refusal(config, options)).toBe(sentence);
});

test('train checks a config given as an object as it checks a file', async () => {
  const { dir } = await scratch();
  const options = { runDir: join(dir, 'run') };
  expect(await refusal({ task: 'classify' }, options)).toMatch(/^config: data: missing; expected /);
  expect(
    await refusal({ ...config, data: { train: 'a.txt', trian: 1 }, workers: 0 }, options),
  ).toBe(
    'config: data.trian: unknown key; did you mean data.train?\n' +
      'config: workers: expected a whole number from 1 to 1024 or null, got 0',
  );
});
