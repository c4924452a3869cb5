import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openModel } from '../../src/index.js';
import { readTensors, succeed } from './cli.js';

/** Words that all are unknown: nothing but how they are written tells what they mean. */
const cwd = mkdtempSync(join(tmpdir(), 'lockstep-test-'));
afterAll(() => rmSync(cwd, { recursive: true }));

/** Ends of words, and which word follows them. */
const ends = { ad: 'north', ek: 'south', im: 'east' };
type End = keyof typeof ends;
const endOf = (i: number): End => (Object.keys(ends) as End[])[(i * i + (i >> 2)) % 3]!;

const makeText = (count: number, start: string): string =>
  Array.from({ length: count }, (_, i) => `${start}${i}${endOf(i)} ${ends[endOf(i)]}\n`).join('');

/** Rows whose class is that of their first word: whether it has a capital, and which end. */
const makeRows = (count: number, starts: readonly [string, string]): string =>
  `text,label\n${Array.from({ length: count }, (_, i) => {
    const isName = (i >> 1) % 2 === 1;
    return `${starts[isName ? 1 : 0]}${i}${endOf(i)} went,${isName ? 'name' : ends[endOf(i)]}\n`;
  }).join('')}`;

const configs = {
  classify: `task: classify
data: { train: train.csv, validation: [valid.csv], tokenizer: { kind: word } }
model: { embedding: 4, features: [{ kind: shape, width: 4 }, { kind: suffix, length: 2, width: 4 }, { kind: letters, embedding: 4, width: 4 }], layers: [{ hiddenSize: 8 }] }
train: { batchSize: 8, epochs: 6, shards: 4, optimizer: { learningRate: 0.03 } }
`,
  generate: `task: language-model
data: { train: train.txt, validation: [valid.txt], tokenizer: { kind: word, lineEnd: <eos>, lowerCase: false } }
model: { embedding: 4, features: [{ kind: suffix, length: 2, width: 4 }, { kind: letters, embedding: 4, width: 4 }], layers: [{ hiddenSize: 8 }] }
train: { batchSize: 4, sequenceLength: 9, epochs: 12, shards: 4, optimizer: { learningRate: 0.03 } }
`,
};

beforeAll(() => {
  writeFileSync(join(cwd, 'train.csv'), makeRows(400, ['b', 'Qo']));
  writeFileSync(join(cwd, 'valid.csv'), makeRows(30, ['d', 'Qe']));
  writeFileSync(join(cwd, 'train.txt'), makeText(120, 'b'));
  writeFileSync(join(cwd, 'valid.txt'), makeText(30, 'c'));
  for (const [name, config] of Object.entries(configs)) {
    writeFileSync(join(cwd, `${name}.yaml`), config);
  }
});

/** Trains, on any number of workers to the same bits; gives the run's directory. */
async function train(name: keyof typeof configs): Promise<string> {
  const run = `runs/${name}`;
  const go = (to: string, ...more: string[]) =>
    succeed(cwd, ['train', '--config', `${name}.yaml`, '--run-dir', to, ...more]);
  await go(run, '--workers', '1');
  await go(`${run}-shared`, '--workers', '3');
  const [alone, shared] = [run, `${run}-shared`].map((each) =>
    readTensors(join(cwd, each), readFileSync(join(cwd, each, 'latest'), 'utf8').trim()),
  );
  expect(shared!.model.equals(alone!.model)).toBe(true);
  expect(shared!.optimizer.equals(alone!.optimizer)).toBe(true);
  return run;
}

const evaluate = async (run: string, ...more: string[]): Promise<Record<string, number>> => {
  const { stdout } = await succeed(cwd, ['evaluate', run, '--json', ...more]);
  return JSON.parse(stdout) as Record<string, number>;
};

test('a classifier knows words that it has never seen by how they are written, in files and in the library alike', async () => {
  const run = await train('classify');
  const measured = await evaluate(run);
  expect(measured['accuracy']).toBe(1);
  const { loss, accuracy } = await evaluate(run, '--data', 'valid.csv');
  expect({ loss, accuracy }).toEqual({ loss: measured['loss'], accuracy: 1 });
  const told = await succeed(cwd, ['predict', run, 'valid.csv', '--to', 'jsonl']);
  expect(told.stderr).toContain('Accuracy 100.0 %');
  const model = await openModel(join(cwd, run), { workers: 1 });
  const texts = readFileSync(join(cwd, 'valid.csv'), 'utf8').split('\n').slice(1, -1);
  const found = await model.classify(texts.map((row) => row.split(',')[0]!));
  await model.close();
  const losses = found.map((probabilities, i) => {
    const label = texts[i]!.split(',')[1]!;
    return -Math.log(probabilities[model.classes.indexOf(label)]!);
  });
  const mean = losses.reduce((sum, each) => sum + each, 0) / losses.length;
  expect(mean / measured['loss']!).toBeCloseTo(1, 4);
});

test('a language model reads of words how they end, those of a prompt and those that it has generated', async () => {
  const run = await train('generate');
  const measured = await evaluate(run);
  const ofFile = await evaluate(run, '--data', 'valid.txt');
  expect({ ...ofFile, data: 'validation' }).toEqual(measured);
  for (const [end, next] of Object.entries(ends)) {
    const prompt = ['--prompt', `new${end}`, '--length', '2', '--temperature', '0'];
    const { stdout } = await succeed(cwd, ['generate', run, ...prompt, '--workers', '2']);
    expect(stdout.trimEnd()).toBe(`new${end} ${next}`);
  }
});
