import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import fc from 'fast-check';
import {
  formatConfig,
  loadConfig,
  openModel,
  parseConfig,
  prepareCorpus,
  prepareHeldOut,
  readBatches,
  readExamples,
  resolveConfig,
  train,
  UserError,
  type GenerateOptions,
  type TrainedModel,
} from '../../src/index.js';
import { collect } from '../data/scratch.js';
import { makeWorkplace } from '../e2e/corpus.js';
import { trainSmall } from '../faults/small-run.js';
import { tries } from '../effort.js';

// What callers in JavaScript, whom no compiler tells, can get wrong.

const cwd = makeWorkplace();
const file = join(cwd, 'colours.csv');
const runs = { classifier: join(cwd, 'a'), 'language-model': join(cwd, 'b') } as const;
let classifier: TrainedModel;
let languageModel: TrainedModel;
beforeAll(async () => {
  for (const name of ['classifier', 'language-model'] as const) {
    expect((await trainSmall(cwd, name, { runDir: runs[name] })).error).toBeUndefined();
  }
  classifier = await openModel(runs.classifier, { workers: 1 });
  languageModel = await openModel(runs['language-model'], { workers: 1 });
});
afterAll(async () => {
  await classifier.close();
  await languageModel.close();
});

async function refusal(run: () => Promise<unknown>): Promise<string> {
  const error = await run().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message;
}

/** Whatever a caller may mix up, but no names of files that are there. */
const anything = fc.oneof(
  fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true }),
  fc.constantFrom<unknown>(Symbol('s'), () => 1, NaN, 'no/such', 'no\0such', ['no/such'], {}, []),
);

test('arguments of whatever kind are taken, or refused in a sentence, by every function', async () => {
  const functions: Record<string, (...args: never[]) => unknown> = {
    loadConfig,
    parseConfig,
    resolveConfig,
    formatConfig,
    openModel,
    prepareCorpus,
    prepareHeldOut,
    train,
    readExamples: (...args) => collect(readExamples(...(args as [never, never]))),
    readBatches: (...args) => collect(readBatches(...(args as [never, never]))),
    classify: (...args) => classifier.classify(...(args as [never])),
    evaluate: (...args) => classifier.evaluate(...(args as [never])),
    generate: (...args) => languageModel.generate(...(args as [never])).next(),
  };
  const name = fc.constantFrom(...Object.keys(functions));
  const goodStarts: Record<string, unknown[]> = {
    loadConfig: [join(cwd, 'classifier.yaml')],
    parseConfig: ['task: classify', 'x.yaml'],
    prepareHeldOut: [classifier, [join(cwd, 'none')], 'files'],
    readExamples: [[file], { text: 'text' }],
    readBatches: [[file], { text: 'text' }],
    openModel: [join(cwd, 'none')],
  };
  await fc.assert(
    fc.asyncProperty(
      name,
      fc.array(anything, { maxLength: 4 }),
      fc.nat(3),
      async (which, odd, good) => {
        const args = [...(goodStarts[which] ?? []).slice(0, good), ...odd];
        const error: unknown = await Promise.resolve()
          .then(() => functions[which]!(...(args as never[])))
          .then(
            () => undefined,
            (reason: unknown) => reason,
          );
        if (error === undefined) return;
        expect(error, String((error as Error).stack)).toBeInstanceOf(UserError);
      },
    ),
    { numRuns: tries(300) },
  );
});

const generation = { prompt: 'the sea', length: 5, temperature: 1, topK: 0, seed: 1 };

test.each<[unknown, string]>([
  [null, 'expected options (prompt, length, temperature, topK or seed), got null'],
  [{ length: 5 }, 'prompt: expected text, got nothing'],
  [{ ...generation, prompt: 7 }, 'prompt: expected text, got 7'],
  [{ ...generation, length: -1 }, 'length: expected a whole number of at least 0, got -1'],
  [{ ...generation, length: NaN }, 'length: expected a whole number of at least 0, got NaN'],
  [{ ...generation, length: '5' }, 'length: expected a whole number of at least 0, got "5"'],
  [{ ...generation, temperature: NaN }, 'temperature: expected a number of at least 0, got NaN'],
  [{ ...generation, temperature: -1 }, 'temperature: expected a number of at least 0, got -1'],
  [{ ...generation, topK: 2.5 }, 'topK: expected a whole number of at least 0, got 2.5'],
  [
    { ...generation, seed: 2 ** 32 },
    'seed: expected a whole number from 0 to 4294967295, got 4294967296',
  ],
  [{ ...generation, temprature: 1 }, 'temprature: unknown option; did you mean temperature?'],
])('generate refuses %j', async (options, sentence) => {
  const given = options as GenerateOptions;
  expect(await refusal(() => languageModel.generate(given).next())).toBe(`generate: ${sentence}`);
});

test('generate has the values of serve where nothing is said', async () => {
  const all = { length: 200, temperature: 0.8, topK: 0, seed: 1 };
  const [given, usual] = await Promise.all(
    [{ prompt: 'the sea', ...all }, { prompt: 'the sea' }].map((options) =>
      collect(languageModel.generate(options)),
    ),
  );
  expect(given).toHaveLength(200);
  expect(usual).toEqual(given);
});

test('a temperature of next to nothing takes the likeliest, as 0 does', async () => {
  const texts = [0, 5e-324, 1e-310].map(async (temperature) =>
    (await collect(languageModel.generate({ ...generation, temperature }))).join(''),
  );
  const [coldest, ...others] = await Promise.all(texts);
  expect(others).toEqual([coldest, coldest]);
});

test.each<[unknown[], string]>([
  [[undefined], 'expected the directory of a run or of a checkpoint, got nothing'],
  [['x', null], 'expected options, got null'],
  [['runs/\0'], 'expected the directory of a run or of a checkpoint, got "runs/\\u0000"'],
  [['x', { workers: '2' }], 'workers: expected a whole number from 1 to 1024, got "2"'],
  [
    ['x', { backend: 'gpu' }],
    'backend: expected "auto", "native", "wasm" or "reference", got "gpu"',
  ],
  [['x', { worker: 2 }], 'worker: unknown option; did you mean workers?'],
])('openModel refuses %j', async (args, sentence) => {
  const [run, options] = args as Parameters<typeof openModel>;
  expect(await refusal(() => openModel(run, options))).toBe(`openModel: ${sentence}`);
});

test.each<[unknown, string]>([
  [undefined, 'got nothing'],
  ['a.csv', 'got "a.csv"'],
  [[], 'got an empty list'],
  [['a.csv', 1], 'got in it 1'],
])('the paths %j are refused', async (paths, end) => {
  const sentence = `expected a list of files or patterns, ${end}`;
  const given = paths as string[];
  expect(await refusal(() => prepareHeldOut(classifier, given))).toBe(
    `prepareHeldOut: ${sentence}`,
  );
  expect(await refusal(() => collect(readExamples(given, { text: 'text' })))).toBe(
    `readExamples: ${sentence}`,
  );
});

test('a listener that is no function and a column without a name are refused', async () => {
  const config = { task: 'classify', data: { train: file } } as const;
  expect(await refusal(() => prepareCorpus(config, 5 as never))).toBe(
    'prepareCorpus: listener: expected a function, got 5',
  );
  expect(await refusal(() => prepareCorpus(config, () => undefined, { signal: 5 as never }))).toBe(
    'prepareCorpus: signal: expected an AbortSignal, got 5',
  );
  expect(await refusal(() => collect(readExamples([file], {} as never)))).toBe(
    'readExamples: text: expected the name or number of a column, got nothing',
  );
});

test('evaluate refuses what is no store and a store whose ids mean something else', async () => {
  for (const store of [undefined, {}, 'x']) {
    expect(await refusal(() => classifier.evaluate(store as never))).toContain(
      'evaluate: expected a token store, got ',
    );
  }
  const heldOut = await prepareHeldOut(classifier, [file]);
  try {
    expect((await classifier.evaluate(heldOut.store)).targets).toBeGreaterThan(0);
    expect(await refusal(() => languageModel.evaluate(heldOut.store))).toContain(
      "the token store was prepared with another vocabulary than this model's",
    );
  } finally {
    await heldOut.close();
  }
});

test('a store can be closed twice, and says that it was closed', async () => {
  const heldOut = await prepareHeldOut(classifier, [file]);
  await Promise.all([heldOut.close(), heldOut.close()]);
  await heldOut.close();
  await heldOut.store.close();
  expect(await refusal(() => classifier.evaluate(heldOut.store))).toContain(
    ': the token store has been closed; open it again to read it',
  );
});
