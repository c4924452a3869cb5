import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { readSafetensors } from '../../src/checkpoint/safetensors.js';
import { loadLibrary } from '../../src/cli.js';
import * as library from '../../src/index.js';
import { averageCheckpoints } from '../../src/run/average.js';
import { openModel } from '../../src/use/model-file.js';
import { makeWorkplace } from '../e2e/corpus.js';
import { compareTrees, readTree } from '../e2e/tree.js';
import { trainSmall } from '../faults/small-run.js';

const cwd = makeWorkplace();
const run = (name: string): string => join(cwd, 'runs', name);
const checkpoint = (name: string, step: number): string =>
  join(run(name), 'checkpoints', `step-000000${step}`);

beforeAll(async () => {
  const runs: [string, 'classifier' | 'language-model', string[]][] = [
    ['a', 'classifier', []],
    ['other seed', 'classifier', ['train.seed=5']],
    ['wider', 'classifier', ['model.embedding=9']],
    ['sgd', 'classifier', ['train.optimizer.kind=sgd']],
    ['fewer words', 'classifier', ['data.tokenizer={ kind: word, vocabularySize: 9 }']],
    ['lm', 'language-model', []],
    ['smoothed', 'classifier', ['train.averaging={ kind: ema, decay: 0.9 }']],
  ];
  for (const [name, config, set] of runs) {
    const { error } = await trainSmall(cwd, config, {
      ...{ runDir: run(name), set: ['workers=1', 'train.checkpoint.keep=9', ...set] },
    });
    expect(error, name).toBeUndefined();
  }
});

async function readTensors(file: string): Promise<Map<string, Float32Array>> {
  const tensors = new Map<string, Float32Array>();
  await readSafetensors(file, (name, shape) => {
    tensors.set(name, new Float32Array(shape.reduce((a, b) => a * b, 1)));
    return tensors.get(name);
  });
  return tensors;
}

let next = 0;
const vacant = (): string => join(cwd, `averaged-${next++}`);

describe('the average of checkpoints', () => {
  test.each(['model', 'optimizer'])('has the mean of every tensor of the %s', async (file) => {
    const of = [checkpoint('a', 20), checkpoint('a', 30), checkpoint('a', 40)];
    const made = await averageCheckpoints(of, vacant());
    expect(made.of).toEqual(of);
    const [mean, ...members] = await Promise.all(
      [made.checkpoint, ...of].map((each) => readTensors(join(each, `${file}.safetensors`))),
    );
    expect([...mean!.keys()]).toEqual([...members[0]!.keys()]);
    for (const [name, values] of mean!) {
      const expected = Array.from(values, (_, i) =>
        Math.fround(members.reduce((sum, each) => sum + each.get(name)![i]!, 0) / 3),
      );
      expect(Array.from(values), name).toEqual(expected);
    }
  });

  test('is a run that is used as any', async () => {
    const out = vacant();
    await averageCheckpoints([run('a')], out, { last: 3 });
    expect(readdirSync(out).sort()).toEqual([
      ...['checkpoints', 'config.yaml', 'history.json', 'latest', 'vocabulary.json'],
    ]);
    const model = await openModel(out, { workers: 1 });
    const [probabilities] = await model.classify(['the sea']);
    await model.close();
    expect(probabilities!.reduce((sum, each) => sum + each, 0)).toBeCloseTo(1, 5);
    expect(model.step).toBe(40);
    expect(model.best).toBeUndefined();
  });

  test('can be gone on with, from the newest of those that it is the mean of', async () => {
    const out = vacant();
    await averageCheckpoints([checkpoint('a', 30), checkpoint('a', 20)], out);
    const { error, end } = await trainSmall(cwd, 'classifier', {
      ...{ runDir: out, resume: true, set: ['train.maxSteps=40'] },
    });
    expect(error).toBeUndefined();
    expect(end!.step).toBe(40);
  });

  test('of a language model carries what the newest carried', async () => {
    const out = vacant();
    const made = await averageCheckpoints([run('lm')], out, { last: 2 });
    const [mean, newest] = await Promise.all(
      [made.checkpoint, checkpoint('lm', 40)].map((each) =>
        readTensors(join(each, 'optimizer.safetensors')),
      ),
    );
    const carried = [...newest!.keys()].filter((name) => name.startsWith('carried.'));
    expect(carried.length).toBeGreaterThan(0);
    for (const name of carried) expect(mean!.get(name)).toEqual(newest!.get(name));
  });

  test('leaves alone what lies beside it', async () => {
    const out = vacant();
    mkdirSync(`${out}.partial`);
    writeFileSync(join(`${out}.partial`, 'mine.txt'), 'x');
    await averageCheckpoints([run('a')], out, { last: 2 });
    expect(readFileSync(join(`${out}.partial`, 'mine.txt'), 'utf8')).toBe('x');
  });

  test('made by several at a time in one place is that of one of them, and whole', async () => {
    const out = vacant();
    const counts = [2, 3, 4];
    const ends = await Promise.allSettled(
      counts.map((last) => averageCheckpoints([run('a')], out, { last })),
    );
    const made = counts.filter((_, i) => ends[i]!.status === 'fulfilled');
    expect(made.length).toBe(1);
    for (const end of ends) {
      if (end.status === 'rejected') expect(String(end.reason)).toMatch(/^UserError: .*averaged/);
    }
    const alone = vacant();
    await averageCheckpoints([run('a')], alone, { last: made[0]! });
    const [expected, found] = [alone, out].map((each) =>
      readTensors(join(each, 'checkpoints/step-00000040/model.safetensors')),
    );
    expect(await found).toEqual(await expected);
    expect(readdirSync(cwd).filter((name) => name.startsWith(`${basename(out)}.`))).toEqual([]);
  });

  test('of trainings with other seeds is told to be a risk', async () => {
    const told: string[] = [];
    const notify = (message: string): void => void told.push(message);
    await averageCheckpoints([run('a'), run('other seed')], vacant(), { notify });
    expect(told).toEqual([expect.stringContaining('of trainings with different seeds')]);
  });
});

describe('what has no average is refused, and nothing is written', () => {
  test.each([
    ['one of a run', undefined, 'a run with --last'],
    ['the last one', 1, '--last of 2 or more'],
  ])('%s, with advice in the words of whoever asks', async (_name, last, advice) => {
    const options = { ...(last !== undefined && { last }) };
    const asked = [(await loadLibrary()).averageCheckpoints, library.averageCheckpoints];
    const words = [advice, advice.replace('--', '')];
    for (const [i, average] of asked.entries()) {
      await expect(average([run('a')], join(cwd, 'refused'), options)).rejects.toThrow(
        new RegExp(`: name others, or ${words[i]!}$`),
      );
    }
  });

  test.each<[string, () => [string[], number?], string]>([
    ['one', () => [[run('a')]], 'expected at least two checkpoints to average'],
    ['one of a run', () => [[run('a')], 1], 'expected at least two checkpoints to average'],
    ['too few', () => [[run('a')], 9], 'expected at least 9 checkpoints, found'],
    ['twice', () => [[run('a'), run('a')]], 'expected once, named twice'],
    ['another network', () => [[run('a'), run('wider')]], 'has another network than'],
    ['another task', () => [[run('a'), run('lm')]], 'task: "classify" → "language-model"'],
    [
      'another vocabulary',
      () => [[run('a'), run('fewer words')]],
      'has another vocabulary, or other classes, than',
    ],
    [
      'another optimizer',
      () => [[run('a'), run('sgd')]],
      'average checkpoints of one network and one optimizer',
    ],
    ['smoothed weights', () => [[run('a'), run('smoothed')]], 'one optimizer'],
    ['none', () => [[run('a'), join(cwd, 'nowhere')]], 'found no checkpoint'],
  ])('%s', async (_name, given, message) => {
    const before = readTree(cwd);
    const [named, last] = given();
    const out = join(cwd, 'refused');
    await expect(
      averageCheckpoints(named, out, { ...(last !== undefined && { last }) }),
    ).rejects.toThrow(message);
    expect(compareTrees(before, readTree(cwd))).toEqual([]);
  });

  test('a directory that holds something', async () => {
    const out = vacant();
    mkdirSync(out);
    writeFileSync(join(out, 'mine.txt'), 'x');
    await expect(averageCheckpoints([run('a')], out, { last: 2 })).rejects.toThrow(
      `${out} is there: expected a new directory, or one that is empty`,
    );
  });

  test.each(['', '/'])('a link, also one to an empty directory%s', async (end) => {
    const [out, link] = [vacant(), vacant()];
    mkdirSync(out);
    symlinkSync(out, link);
    await expect(averageCheckpoints([run('a')], `${link}${end}`, { last: 2 })).rejects.toThrow(
      `${link}${end} is a link: expected a new directory, or one that is empty`,
    );
  });

  test('the directory that all is started in', async () => {
    const out = vacant();
    mkdirSync(out);
    vi.spyOn(process, 'cwd').mockReturnValue(out);
    const refused = averageCheckpoints([run('a')], out, { last: 2 });
    await expect(refused.finally(() => vi.restoreAllMocks())).rejects.toThrow(
      'is the directory that this is started in: expected another',
    );
  });
});
