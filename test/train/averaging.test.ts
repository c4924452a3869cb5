import { join } from 'node:path';
import { expect, it } from 'vitest';
import { prepareCorpus } from '../../src/data/prepare/prepare.js';
import { readSafetensors } from '../../src/checkpoint/safetensors.js';
import { openModel } from '../../src/use/model-file.js';
import { makeWorkplace } from '../e2e/corpus.js';
import { readResult, trainSmall } from '../faults/small-run.js';

const cwd = makeWorkplace();
const averaging = 'train.averaging={kind: ema, decay: 0.9}';

async function readTensors(runDir: string, file: string): Promise<Map<string, Float32Array>> {
  const { name } = readResult(runDir);
  const tensors = new Map<string, Float32Array>();
  await readSafetensors(
    join(runDir, 'checkpoints', name, `${file}.safetensors`),
    (tensor, shape) => {
      const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
      tensors.set(tensor, data);
      return data;
    },
  );
  return tensors;
}

it('averages change nothing of the weights, are the same by any workers and resumes, and are what a model is', async () => {
  const [plain, calm, broken] = ['plain', 'calm', 'broken'].map((name) => join(cwd, name)) as [
    string,
    string,
    string,
  ];
  const steps = ['train.maxSteps=12', 'train.evaluateEverySteps=4'];
  const run = async (runDir: string, set: string[], resume = false) => {
    const done = await trainSmall(cwd, 'classifier', { runDir, set: [...steps, ...set], resume });
    expect(done.error).toBeUndefined();
    return done;
  };
  await run(plain, []);
  const { events } = await run(calm, [averaging, 'workers=2']);
  await run(broken, [averaging, 'workers=3', 'train.maxSteps=7']);
  await run(broken, [averaging, 'workers=1'], true);
  expect(readResult(broken)).toEqual(readResult(calm));

  const weights = await readTensors(plain, 'model');
  const averages = await readTensors(calm, 'model');
  const kept = await readTensors(calm, 'optimizer');
  expect(weights.size).toBeGreaterThan(5);
  for (const [name, values] of weights) {
    expect(kept.get(`${name}.raw`), name).toEqual(values);
    expect(averages.get(name), name).not.toEqual(values);
  }

  const model = await openModel(calm, { checkpoint: 'latest' });
  const corpus = await prepareCorpus(model.config, () => undefined);
  const { loss } = await model.evaluate(corpus.validation!);
  await Promise.all([model.close(), corpus.close()]);
  const evaluation = events.findLast(({ type }) => type === 'evaluation');
  expect(evaluation).toMatchObject({ step: 12, loss });
});

it('a run goes on neither without the averages that it has, nor with such as it lacks', async () => {
  for (const [former, now] of [
    [[averaging], []],
    [[], [averaging]],
  ] as const) {
    const runDir = join(cwd, `averages ${former.length}`);
    const set = ['train.maxSteps=2', 'workers=1'];
    await trainSmall(cwd, 'classifier', { runDir, set: [...set, ...former] });
    const options = { runDir, set: [...set, ...now], resume: true, override: true };
    const { error } = await trainSmall(cwd, 'classifier', options);
    expect(String(error)).toMatch(
      /holds what another optimizer keeps of the weights \(train\.averaging/,
    );
  }
});
