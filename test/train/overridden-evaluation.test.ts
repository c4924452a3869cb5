import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readState } from '../../src/checkpoint/run-state.js';
import { findCheckpoint } from '../../src/run/find-checkpoint.js';
import { RunDirectory } from '../../src/run/run-directory.js';
import { colourRows, makeWorkplace } from '../e2e/corpus.js';
import { noticesOf, readResult, trainSmall } from '../faults/small-run.js';

const cwd = makeWorkplace();
const dirOf = (name: string) => join(cwd, 'runs', name);

const numbers = join(cwd, 'numbers.csv');
const rows = colourRows().map(({ text }, i) => `${text},${text.length + (i % 3)}\n`);
writeFileSync(numbers, `text,label\n${rows.join('')}`);

it('an override that only an evaluation follows takes what that is made of, and nothing else', async () => {
  const runDir = dirOf('overridden-and-evaluated');
  const without = ['data.validation=0'];
  await trainSmall(cwd, 'classifier', { runDir, set: without });
  const before = await new RunDirectory(runDir).readConfig();
  const validation = join(cwd, 'held-out.csv');
  const lines = readFileSync(join(cwd, 'colours.csv'), 'utf8').split('\n');
  writeFileSync(validation, `${lines.slice(0, 40).join('\n')}\n`);
  const set = [`data.validation=${validation}`, 'train.optimizer.learningRate=0.5'];
  const options = { runDir, resume: true, override: true };
  const run = await trainSmall(cwd, 'classifier', { ...options, set });
  expect(run.events.map(({ type }) => type)).toContain('evaluation');
  expect(noticesOf(run)).toContain(
    'Not taken, since no step follows: train.optimizer.learningRate: 0.01 → 0.5.',
  );
  const after = await new RunDirectory(runDir).readConfig();
  expect(after.data.validation).toEqual([validation]);
  expect(after.train).toEqual(before.train);
  const [, start] = await new RunDirectory(runDir).readHistory();
  expect(start!.overridden).toEqual(['data.validation', 'corpus']);
  expect(start!.changes.map(({ key }) => key)).toEqual(['data.validation']);
  const same = [set[0]!];
  expect(
    (await trainSmall(cwd, 'classifier', { runDir, resume: true, set: same })).end,
  ).toBeDefined();
});

it.each([
  ['weights of classes', 'classifier', 'colours.csv', ['train.loss.classWeights.red=10']],
  ['another loss', 'classifier', 'numbers.csv', ['train.loss.kind=absolute']],
  ['a schedule', 'classifier', 'colours.csv', ['train.optimizer.schedule.kind=plateau']],
  [
    'batches, and labels that are smoothed',
    'classifier',
    'colours.csv',
    ['train.batchSize=5', 'train.loss.labelSmoothing=0.3', 'train.shards=1'],
  ],
  ['shorter sequences', 'language-model', 'colours.txt', ['train.sequenceLength=5']],
  [
    'shorter rows of other files',
    'classifier',
    'colours.csv',
    ['data.maxLength=4', `data.train=[${cwd}/colours.csv, ${cwd}/more.csv]`],
  ],
] as const)(
  'what an evaluation does not take decides nothing about it: %s',
  async (name, config, file, overrides) => {
    const task = file === 'numbers.csv' ? ['task=regress', `data.train=${numbers}`] : [];
    const [plain, overridden] = [dirOf(`${name}, plain`), dirOf(`${name}, overridden`)];
    await trainSmall(cwd, config, { runDir: plain, set: ['data.validation=0', ...task] });
    cpSync(plain, overridden, { recursive: true });
    const validation = join(cwd, `held-out-${file}`);
    const lines = readFileSync(join(cwd, file), 'utf8').split('\n');
    writeFileSync(validation, `${lines.slice(0, 40).join('\n')}\n`);
    writeFileSync(join(cwd, 'more.csv'), 'text,label\nthe sky,blue\n');
    const resume = (runDir: string, set: readonly string[] = []) =>
      trainSmall(cwd, config, {
        ...{ runDir, resume: true, override: true },
        set: [...task, ...set, `data.validation=${validation}`],
      });
    const [expected, run] = [await resume(plain), await resume(overridden, overrides)];
    expect(noticesOf(run).join()).toMatch(/Not taken, since no step follows: (data|train)\./);
    const found = (events: typeof run.events) =>
      events.flatMap((event) => (event.type === 'evaluation' ? [event.loss] : []));
    expect(found(run.events)).toEqual(found(expected.events));
    expect(found(run.events)).toHaveLength(1);
    const stateOf = async (runDir: string) =>
      readState((await findCheckpoint(runDir, 'latest')).checkpoint);
    expect(await stateOf(overridden)).toEqual(await stateOf(plain));
    expect(readResult(overridden)).toEqual(readResult(plain));
    const configOf = (runDir: string) => new RunDirectory(runDir).readConfig();
    expect(await configOf(overridden)).toEqual(await configOf(plain));
  },
);
