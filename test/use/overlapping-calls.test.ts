import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { UserError } from '../../src/errors.js';
import type { TokenStore } from '../../src/data/store/token-store.js';
import { packageFile } from '../../src/package-root.js';
import { openModel } from '../../src/use/model-file.js';
import type { Evaluation, OpenOptions, TrainedModel } from '../../src/train/trained-model.js';
import { collect } from '../data/scratch.js';
import { storeOf } from '../data/stores.js';
import { makeWorkplace } from '../e2e/corpus.js';
import { trainSmall } from '../faults/small-run.js';
import { bundleModule } from '../faults/thread-module.js';
import { tries } from '../effort.js';

const cwd = makeWorkplace();
/** Of threads that die as a test says. */
const deaths = () => pathToFileURL(bundleModule(cwd, 'deaths.js')).href;
const runs = { classifier: join(cwd, 'a'), 'language-model': join(cwd, 'b') } as const;
type Name = keyof typeof runs;
const names = ['classifier', 'language-model'] as const;

/** Texts of no, few and many tokens, of known and unknown words. */
const texts = Array.from({ length: 150 }, (_, i) =>
  Array.from(
    { length: i % 7 === 0 ? (i * 13) % 300 : i % 20 },
    (_, k) => ['ruby', 'sea', 'moss', 'the', 'was', `word${i}`][(i * i + 3 * k) % 6]!,
  ).join(' '),
);
const prompts = ['', 'the sea', 'a ruby is\n', 'x'.repeat(40), 'very very very green'];
const generation = (seed: number) => ({
  prompt: prompts[seed % prompts.length]!,
  length: 1 + ((seed * 7) % 12),
  temperature: seed % 3 === 0 ? 0 : 0.9,
  topK: seed % 4,
  seed,
});
/** Stores from small to larger than the batches of single rows, so that the engine has to grow. */
const stores: Record<Name, TokenStore[]> = {
  classifier: [3, 20, 70].map((rows) => {
    const store = storeOf(Array.from({ length: rows }, (_, r) => [1 + (r % 9), 2, 1 + (r % 5)]));
    // Labels of the three colours.
    const readRows: TokenStore['readRows'] = async (indices, into) => {
      await store.readRows(indices, into);
      for (let i = 0; i < indices.length; i++) into.labels[i] = indices[i]! % 3;
    };
    return { ...store, readRows };
  }),
  'language-model': [30, 200, 900].map((tokens) =>
    storeOf([Array.from({ length: tokens }, (_, i) => 1 + ((i * i) % 11))]),
  ),
};

/** What each call answers alone, on a model that nobody else uses. */
const alone = {
  classes: new Map<string, Float32Array>(),
  texts: [] as string[],
  evaluations: { classifier: [], 'language-model': [] } as Record<Name, Evaluation[]>,
};

beforeAll(async () => {
  for (const name of names) {
    const { error } = await trainSmall(cwd, name, { runDir: runs[name] });
    expect(error).toBeUndefined();
    const model = await openModel(runs[name], { workers: 1 });
    for (const store of stores[name]) alone.evaluations[name].push(await model.evaluate(store));
    if (name === 'classifier') {
      for (const text of texts) alone.classes.set(text, (await model.classify([text]))[0]!);
    } else {
      for (let seed = 0; seed < 12; seed++) {
        alone.texts.push((await collect(model.generate(generation(seed)))).join(''));
      }
    }
    await model.close();
  }
});

const opened: TrainedModel[] = [];
afterEach(async () => {
  for (const model of opened.splice(0)) await model.close();
});

async function open(name: Name, options: OpenOptions = { workers: 2 }, workerFile?: string) {
  const model = await openModel(runs[name], options, workerFile);
  opened.push(model);
  return model;
}

async function classifyRight(model: TrainedModel, picked: readonly number[]): Promise<void> {
  const given = picked.map((i) => texts[i]!);
  const expected = given.map((text) => alone.classes.get(text));
  expect(await model.classify(given)).toEqual(expected);
}

async function generateRight(model: TrainedModel, seed: number, readTo = Infinity): Promise<void> {
  let text = '';
  let read = 0;
  for await (const piece of model.generate(generation(seed))) {
    text += piece;
    if (++read >= readTo) break;
  }
  expect(alone.texts[seed]!.startsWith(text)).toBe(true);
  if (readTo === Infinity) expect(text).toBe(alone.texts[seed]);
}

async function evaluateRight(model: TrainedModel, name: Name, index: number): Promise<void> {
  expect(await model.evaluate(stores[name][index]!)).toEqual(alone.evaluations[name][index]);
}

/** Numbers of texts to classify, a text to generate and how much of it to read, or a store to measure on. */
type AnyCall = number[] | { seed: number; readTo: number | null } | { name: Name; store: number };
const calls: fc.Arbitrary<AnyCall> = fc.oneof(
  { weight: 5, arbitrary: fc.array(fc.nat(texts.length - 1), { maxLength: 90 }) },
  { weight: 5, arbitrary: fc.record({ seed: fc.nat(11), readTo: fc.option(fc.nat(6)) }) },
  { weight: 1, arbitrary: fc.record({ name: fc.constantFrom(...names), store: fc.nat(2) }) },
);
const pauses = fc.constantFrom(0, 0, 0, 1, 3, 20);
const schedules = fc.array(fc.tuple(calls, pauses), { minLength: 2, maxLength: 20 });

describe('calls of any kind that overlap answer what they answer alone', () => {
  // Three work in a team: as threads, or in turns on the one that asks, which is what such small models have.
  test.each([
    { workers: 1, by: 'the thread that asks', file: undefined },
    { workers: 3, by: 'the thread that asks', file: undefined },
    { workers: 3, by: 'threads', file: packageFile('dist/workers/compute.js') },
  ])('of $workers parts, by $by', async ({ workers, file }) => {
    const models = {
      classifier: await open('classifier', { workers }, file),
      'language-model': await open('language-model', { workers }, file),
    };
    const answer = (call: AnyCall): Promise<void> => {
      if (Array.isArray(call)) return classifyRight(models.classifier, call);
      if ('store' in call) return evaluateRight(models[call.name], call.name, call.store);
      return generateRight(models['language-model'], call.seed, call.readTo ?? Infinity);
    };
    await fc.assert(
      fc.asyncProperty(schedules, async (schedule) => {
        const answers: Promise<void>[] = [];
        for (const [call, turns] of schedule) {
          answers.push(answer(call));
          for (let turn = 0; turn < turns; turn++) await setImmediate();
        }
        await Promise.all(answers);
      }),
      { numRuns: tries(6) },
    );
  });

  test('while worker threads die', async () => {
    const file = join(cwd, 'dies-often.mjs');
    writeFileSync(
      file,
      `import { joinMortal } from ${JSON.stringify(deaths())};
      let left = 15;
      export default joinMortal((when, phase) => when === 'before' && phase !== 'pack' && left-- === 0 ? 'exit' : undefined);`,
    );
    const classifier = await open('classifier', { workers: 2 }, file);
    const writer = await open('language-model', { workers: 2 }, file);
    await Promise.all([
      ...Array.from({ length: 40 }, (_, i) => classifyRight(classifier, [i, 2 * i, 149 - i])),
      ...[1, 2, 5, 7].map((seed) => generateRight(writer, seed)),
      evaluateRight(classifier, 'classifier', 2),
      evaluateRight(writer, 'language-model', 2),
    ]);
  });
});

test('a call that fails leaves the calls beside it alone', async () => {
  const model = await open('classifier');
  const wrong = ['good', undefined as unknown as string];
  const results = await Promise.allSettled([
    classifyRight(model, [1, 2, 3]),
    model.classify(wrong),
    model.classify('good' as unknown as string[]),
    model.evaluate(storeOf([[100_000]])),
    collect(model.generate(generation(1))),
    classifyRight(model, [4, 5, 6]),
  ]);
  expect(results.map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'rejected',
    'rejected',
    'rejected',
    'fulfilled',
  ]);
  const reasons = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as unknown] : [],
  );
  for (const reason of reasons) expect(reason).toBeInstanceOf(UserError);
  expect(String(reasons[0])).toContain('classify: expected text 1 to be a string, got nothing');
  expect(String(reasons[1])).toContain('classify: expected a list of texts, got "good"');
  await classifyRight(model, [7, 8, 9]);
});

test('a failure of the threads ends the calls that it met; later ones find new threads', async () => {
  const mark = join(cwd, 'strike');
  const file = join(cwd, 'dies-while-marked.mjs');
  writeFileSync(
    file,
    `import { existsSync } from 'node:fs';
    import { joinMortal } from ${JSON.stringify(deaths())};
    export default joinMortal((when, phase) =>
      when === 'before' && phase === 'predict' && existsSync(${JSON.stringify(mark)}) ? 'error' : undefined);`,
  );
  const model = await open('classifier', { workers: 2 }, file);
  await classifyRight(model, [1, 2, 3]);
  writeFileSync(mark, '');
  const failing = [model.classify(['ruby']), model.classify(['sea'])];
  for (const call of failing) await expect(call).rejects.toThrow(/workers in a row failed/);
  rmSync(mark);
  await Promise.all([classifyRight(model, [1, 2, 3]), evaluateRight(model, 'classifier', 2)]);
});

test('a script that closes nothing ends when its calls are done', () => {
  const script = `
    import { openModel } from ${JSON.stringify(packageFile('dist/src/index.js'))};
    const model = await openModel(${JSON.stringify(runs.classifier)}, { workers: 2 });
    void model.classify(['ruby']);
    model.classify(['ruby', 'sea']).then((answers) => console.log(answers.length));`;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', script],
    { encoding: 'utf8' },
  );
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '2\n', stderr: '' });
});

describe('close', () => {
  test('waits for the calls under way, and refuses later ones', async () => {
    const model = await open('language-model');
    const underWay = [3, 4, 5].map((seed) => generateRight(model, seed));
    underWay.push(evaluateRight(model, 'language-model', 1));
    let hasClosed = false;
    const closed = model.close().then(() => (hasClosed = true));
    const refusal = /: the model has been closed; open it again to use it$/;
    const late = model.generate(generation(1)).next();
    await expect(late).rejects.toThrow(UserError);
    await expect(model.evaluate(stores['language-model'][0]!)).rejects.toThrow(refusal);
    await expect(model.classify(['x'])).rejects.toThrow(refusal);
    for (const call of underWay) await call;
    expect(hasClosed).toBe(false);
    await closed;
    await expect(model.generate(generation(1)).next()).rejects.toThrow(refusal);
    await model.close();
  });

  test('does not wait for a text that nobody reads on', async () => {
    const model = await open('language-model');
    const forgotten = model.generate({ ...generation(2), length: 1000 });
    await forgotten.next();
    // Left by its reader: it has ended.
    for await (const piece of model.generate(generation(4))) if (piece !== '') break;
    await model.close();
    await expect(forgotten.next()).rejects.toThrow('the model has been closed');
  });
});
