import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { NamedConfig } from '../../src/config/load.js';
import { UserError } from '../../src/errors.js';
import { admitNew, admitResume } from '../../src/run/admission.js';
import { LAYERS } from '../../src/model/layers/registry.js';
import { compareConfigs } from '../../src/run/config-changes.js';
import { openModel } from '../../src/use/model-file.js';
import { RunDirectory } from '../../src/run/run-directory.js';
import { makeWorkplace } from '../e2e/corpus.js';
import { readTree } from '../e2e/tree.js';
import { noticesOf, readResult, trainSmall } from '../faults/small-run.js';

const cwd = makeWorkplace();
const pristine = join(cwd, 'pristine');
const runDir = join(cwd, 'run');
let config: NamedConfig;

beforeAll(async () => {
  expect((await trainSmall(cwd, 'classifier', { runDir: pristine })).error).toBeUndefined();
  config = await new RunDirectory(pristine).readConfig();
});
beforeEach(() => {
  rmSync(runDir, { recursive: true, force: true });
  mkdirSync(runDir);
});

const names = ['config.yaml', 'vocabulary.json', 'history.json', 'latest'] as const;
const checkpointStates = ['none', 'empty', 'whole', 'damaged'] as const;

/** What lies in the directory, by the bits of a number. */
function fill(present: number, checkpoints: (typeof checkpointStates)[number]): void {
  for (const [bit, name] of names.entries()) {
    if ((present >> bit) & 1) cpSync(join(pristine, name), join(runDir, name));
  }
  const folder = join(runDir, 'checkpoints');
  if (checkpoints === 'none') return;
  if (checkpoints === 'empty') {
    mkdirSync(folder);
    return;
  }
  cpSync(join(pristine, 'checkpoints'), folder, { recursive: true });
  if (checkpoints === 'whole') return;
  for (const name of readdirSync(folder)) truncateSync(join(folder, name, 'model.safetensors'), 9);
}

/** Starts with or without --resume as the sentences say; gives how it ended. */
async function followHints(resume: boolean): Promise<'started' | 'another directory'> {
  for (let tries = 0; tries < 3; tries++) {
    const directory = new RunDirectory(runDir);
    const before = readTree(runDir);
    try {
      if (resume) await admitResume(directory, config, false, () => undefined);
      else await admitNew(directory);
      return 'started';
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
      const { message } = error as UserError;
      expect(readTree(runDir)).toEqual(before);
      if (/add --resume/.test(message)) resume = true;
      else if (/leave out --resume|leaving out --resume/.test(message)) resume = false;
      else if (/--run-dir/.test(message)) return 'another directory';
      else throw new Error(`no way out: ${message}`, { cause: error });
    }
  }
  throw new Error('the sentences lead in a circle');
}

describe.each(checkpointStates)('with checkpoints: %s', (checkpoints) => {
  it('whatever else lies in the directory, what a refusal advises leads on, and nothing is changed', async () => {
    for (let present = 0; present < 1 << names.length; present++) {
      rmSync(runDir, { recursive: true });
      mkdirSync(runDir);
      fill(present, checkpoints);
      for (const resume of [false, true]) {
        const end = await followHints(resume);
        if (checkpoints === 'whole' || present === 0) {
          expect(end, String(present)).toBe(
            checkpoints === 'damaged' ? 'another directory' : 'started',
          );
        }
      }
    }
  });
});

it.each([
  ['config.yaml', undefined],
  ['config.yaml', '{'],
  ['config.yaml', 'task: classify\nmodle: 1\ntrane: 2\n'],
  ['vocabulary.json', undefined],
  ['vocabulary.json', '{}'],
])(
  'whoever reads a %s that is missing or damaged (%j) is told what writes it anew',
  async (name, text) => {
    cpSync(pristine, runDir, { recursive: true });
    const file = join(runDir, name);
    if (text === undefined) rmSync(file);
    else writeFileSync(file, text);
    await expect(openModel(runDir)).rejects.toThrow(
      /train --resume writes it anew, from the config and the data that the run was trained with, and goes on with the run$/,
    );
    const resumed = await trainSmall(cwd, 'classifier', { runDir, resume: true });
    expect(resumed.error).toBeUndefined();
    expect(readFileSync(file, 'utf8')).toBe(readFileSync(join(pristine, name), 'utf8'));
    await (await openModel(runDir)).close();
  },
);

it.each(['config.yaml', 'vocabulary.json'])(
  'whoever cannot read %s for another reason is not told that a resume would write it',
  async (name) => {
    cpSync(pristine, runDir, { recursive: true });
    rmSync(join(runDir, name));
    mkdirSync(join(runDir, name));
    const { message } = (await openModel(runDir).catch((error: unknown) => error)) as Error;
    expect(message).toMatch(/cannot be read: .*\(EISDIR\)$/);
  },
);

it('what is wrong with an override is not told as damage of config.yaml', async () => {
  cpSync(pristine, runDir, { recursive: true });
  const opened = openModel(runDir, { workers: 0 });
  await expect(opened).rejects.toThrow(/^--set workers=0: workers: expected [^;]*$/);
});

it('config.yaml may be missing or damaged: the checkpoint itself knows what it was trained with', async () => {
  for (const damage of ['missing', 'no YAML', 'another length']) {
    rmSync(runDir, { recursive: true });
    cpSync(pristine, runDir, { recursive: true });
    const file = join(runDir, 'config.yaml');
    const text = readFileSync(file, 'utf8');
    if (damage === 'missing') rmSync(file);
    if (damage === 'no YAML') writeFileSync(file, '{');
    if (damage === 'another length')
      writeFileSync(file, text.replace('maxLength: 256', 'maxLength: 3'));
    if (damage.startsWith('another')) {
      const told: string[] = [];
      const model = await openModel(runDir, { notify: (message) => told.push(message) });
      const whole = await openModel(pristine);
      const texts = ['the sea is very blue and a leaf'];
      expect(await model.classify(texts)).toEqual(await whole.classify(texts));
      expect(told.join()).toMatch(
        /config\.yaml is not what \S+ was trained with.*(layers|maxLength)/,
      );
      await Promise.all([model.close(), whole.close()]);
    }
    const resumed = await trainSmall(cwd, 'classifier', { runDir, resume: true });
    expect(resumed.error, damage).toBeUndefined();
    expect(noticesOf(resumed).join(), damage).toMatch(/config\.yaml/);
    expect(readResult(runDir)).toEqual(readResult(pristine));
    expect(readFileSync(file, 'utf8')).toBe(text);
  }
});

it.each([
  ['of another shape', '[{hiddenSize: 5}]'],
  ['of another shape', '[{hiddenSize: 20, direction: both}, {hiddenSize: 9}]'],
  ['that would have another meaning', '[{hiddenSize: 20}, {hiddenSize: 9, direction: backwards}]'],
])(
  'weights %s are refused also with --override, before anything is written: %s',
  async (what, layers) => {
    cpSync(pristine, runDir, { recursive: true });
    const set = [`model.layers=${layers}`, 'train.maxSteps=50'];
    const before = readTree(runDir);
    for (const override of [false, true]) {
      const resumed = await trainSmall(cwd, 'classifier', { runDir, set, resume: true, override });
      const { message } = resumed.error as Error;
      expect(message.slice(message.indexOf(' '))).toMatch(
        new RegExp(
          `^ holds weights ${what} \\(model\\.layers\\.[^\\n]*\\): use that config, or start`,
        ),
      );
      expect(readTree(runDir)).toEqual(before);
    }
  },
);

it('other rows than those that carry something on are refused also with --override, before data is prepared', async () => {
  const start = { runDir, set: ['train.maxSteps=3'] };
  expect((await trainSmall(cwd, 'language-model', start)).error).toBeUndefined();
  const set = ['train.batchSize=5', 'train.maxSteps=6', 'train.clipNorm=1'];
  for (const override of [false, true]) {
    const resumed = await trainSmall(cwd, 'language-model', {
      runDir,
      set,
      resume: true,
      override,
    });
    expect(resumed.error).toEqual(
      new UserError(
        `${runDir} holds what other rows carry from batch to batch (train.batchSize: 4 → 5): use that config, or start a new run with another --run-dir`,
      ),
    );
    expect(resumed.events.map(({ type }) => type)).not.toContain('prepare');
  }
});

it('what only changes how weights are trained is taken with --override, and a refusal names it alone', async () => {
  cpSync(pristine, runDir, { recursive: true });
  const { embedding, layers } = config.model;
  const [first, ...others] = layers;
  const model = {
    ...{ embedding: { ...embedding, dropout: 0.1 } },
    layers: [{ ...first, weightDropout: 0.5, forgetBias: 2 }, ...others],
  };
  const set = [`model.embedding=${JSON.stringify(model.embedding)}`];
  set.push(`model.layers=${JSON.stringify(model.layers)}`, 'train.maxSteps=42');
  const resume = (override: boolean) =>
    trainSmall(cwd, 'classifier', { runDir, set, resume: true, override });
  expect(String((await resume(false)).error)).toContain(
    'holds a run of another config (model.embedding.dropout: 0 → 0.1, ' +
      'model.layers.0.weightDropout: 0 → 0.5, model.layers.0.forgetBias: 1 → 2): use that config',
  );
  expect(await resume(true)).toMatchObject({ error: undefined, end: { step: 42 } });
});

it('what a kind of layer says only changes its training is an option of it', () => {
  for (const { kind, training = [], options } of LAYERS) {
    const json = z.toJSONSchema(options(z), { io: 'input', unrepresentable: 'any' });
    expect(Object.keys(json.properties ?? {}), kind).toEqual(expect.arrayContaining([...training]));
  }
});

it('damaged pointers lead to no other checkpoint', async () => {
  for (const name of ['best', 'latest']) {
    for (const text of ['step-00000030\n', 'step-00000020\n', '\x00', 'step-0000004']) {
      rmSync(runDir, { recursive: true });
      cpSync(pristine, runDir, { recursive: true });
      writeFileSync(join(runDir, name), text);
      for (const checkpoint of ['best', 'latest']) {
        const opened = [
          await openModel(runDir, { checkpoint }),
          await openModel(pristine, { checkpoint }),
        ];
        expect(opened[0]!.step, `${name}: ${text}`).toBe(opened[1]!.step);
        await Promise.all(opened.map((model) => model.close()));
      }
    }
  }
});

it('a group of keys that comes or goes is one change', () => {
  const averaging = { kind: 'ema', decay: 0.9 } as const;
  const averaged = { ...config, train: { ...config.train, averaging } };
  const group = { key: 'train.averaging', from: averaging, to: null };
  expect(compareConfigs(averaged, config)).toEqual({ harmless: [], weighty: [group] });
  const back = { ...group, from: null, to: averaging };
  expect(compareConfigs(config, averaged)).toEqual({ harmless: [], weighty: [back] });
});

it('an opened model answers with what it was opened with, whatever becomes of the run', async () => {
  const texts = ['the sea is very blue and a leaf'];
  const answer = async (disturb?: () => void) => {
    rmSync(runDir, { recursive: true, force: true });
    cpSync(pristine, runDir, { recursive: true });
    const model = await openModel(runDir);
    disturb?.();
    const found = await model.classify(texts);
    await model.close();
    return found;
  };
  const whole = await answer();
  const { checkpoints } = new RunDirectory(runDir);
  expect(await answer(() => rmSync(runDir, { recursive: true }))).toEqual(whole);
  const replace = () => {
    const [first, ...others] = readdirSync(checkpoints).sort();
    for (const name of others)
      cpSync(join(checkpoints, first!), join(checkpoints, name), { recursive: true });
  };
  expect(await answer(replace)).toEqual(whole);
});
