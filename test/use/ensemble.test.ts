import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readBatches } from '../../src/data/formats/examples.js';
import { UserError } from '../../src/errors.js';
import { prepareCorpus, prepareHeldOut, scoreTranslations } from '../../src/index.js';
import type { Likelihood, TrainedModel } from '../../src/train/trained-model.js';
import { openEnsemble } from '../../src/use/ensemble.js';
import { openModel } from '../../src/use/model-file.js';
import { runWith } from '../commands/stub.js';
import { pairs, trainTranslators } from './digit-pairs.js';

const cwd = mkdtempSync(join(tmpdir(), 'lockstep-test-'));
afterAll(() => rmSync(cwd, { recursive: true }));
const [one, two, rounded, other, longer] = ['one', 'two', 'rounded', 'other', 'longer'].map(
  (name) => join(cwd, name),
) as [string, string, string, string, string];

const sources = pairs.slice(0, 30).map(({ source }) => source);

// Another seed and another width: what members have to have in common is the vocabulary.
const wide = ['train.seed=2', 'model.layers=[{ cell: gru, hiddenSize: 20 }]'];
const runs = new Map([
  [one, []],
  [two, wide],
  [rounded, ['train.seed=3', 'train.precision=bfloat16']],
  [other, ['data.tokenizer.minCount=30', 'train.maxSteps=1']],
  [longer, ['data.maxSourceLength=20', 'train.maxSteps=1']],
]);
beforeAll(() => trainTranslators(cwd, runs));

async function using<T>(
  opened: Promise<TrainedModel>,
  use: (model: TrainedModel) => Promise<T>,
): Promise<T> {
  const model = await opened;
  return use(model).finally(() => model.close());
}

test('a run twice translates and scores as the run does', async () => {
  const options = { best: 2, attention: true };
  const own = await using(openModel(one, { workers: 2 }), async (model) => ({
    translated: await model.translate(sources, options),
    scored: await model.score(pairs.slice(0, 20)),
  }));
  await using(openEnsemble([one, one], { workers: 2 }), async (model) => {
    expect(await model.translate(sources, options)).toEqual(own.translated);
    expect(await model.score(pairs.slice(0, 20))).toEqual(own.scored);
  });
});

test('several runs take what is likeliest on average, whatever workers, batch and order', async () => {
  const found = await using(openEnsemble([one, two], { workers: 1 }), async (model) => {
    const translated = await model.translate(sources, { best: 3, unknown: 'keep' });
    const best = translated.map(({ translations: [first] }, i) => ({
      ...{ source: sources[i]!, target: first!.text },
    }));
    const scored = await model.score(best);
    scored.forEach(({ logProbability, tokens }, i) => {
      const [first] = translated[i]!.translations;
      expect(Math.abs(logProbability - first!.logProbability)).toBeLessThan(1e-6 * (1 + tokens!.length)); // prettier-ignore
    });
    const members: Likelihood[][] = [];
    for (const run of [one, two])
      members.push(await using(openModel(run, { workers: 1 }), (each) => each.score(best)));
    scored.forEach(({ tokens }, row) =>
      tokens!.forEach(({ logProbability }, i) => {
        const mean = (Math.exp(members[0]![row]!.tokens![i]!.logProbability) + Math.exp(members[1]![row]!.tokens![i]!.logProbability)) / 2; // prettier-ignore
        expect(logProbability).toBeCloseTo(Math.log(mean), 10);
      }),
    );
    return translated;
  });
  const alone = await using(openModel(one, { workers: 1 }), (model) =>
    model.translate(sources, { best: 3, unknown: 'keep' }),
  );
  expect(found).not.toEqual(alone);
  for (const workers of [2, 3, 5]) {
    await using(openEnsemble([one, two], { workers }), async (model) => {
      const reversed = await model.translate(sources.toReversed(), { best: 3, unknown: 'keep' });
      expect(reversed.toReversed()).toEqual(found);
    });
  }
});

test('runs of unlike precision are each computed by their own, whatever comes first and whatever the workers', async () => {
  const scores = (runs: readonly string[], workers = 1) =>
    using(openEnsemble(runs, { workers }), (model) => model.score(pairs));
  const members: Likelihood[][] = [];
  for (const run of [one, rounded]) {
    members.push(await using(openModel(run, { workers: 1 }), (each) => each.score(pairs)));
  }
  const together = await scores([one, rounded]);
  let apart = 0;
  together.forEach(({ tokens }, row) =>
    tokens!.forEach(({ logProbability }, i) => {
      const [a, b] = members.map((each) => Math.exp(each[row]!.tokens![i]!.logProbability));
      expect(logProbability).toBeCloseTo(Math.log((a! + b!) / 2), 10);
      apart = Math.max(apart, Math.abs(a! - b!));
    }),
  );
  expect(apart).toBeGreaterThan(0.01);
  expect(await scores([one, rounded], 3)).toEqual(together);
  const turned = await scores([rounded, one]);
  turned.forEach(({ logProbability }, row) =>
    expect(logProbability).toBeCloseTo(together[row]!.logProbability, 10),
  );
  const translate = (runs: readonly string[], workers: number) =>
    using(openEnsemble(runs, { workers }), (model) => model.translate(sources));
  const translated = await translate([one, rounded], 1);
  expect(await translate([one, rounded], 2)).toEqual(translated);
  expect(await translate([one, one], 1)).not.toEqual(translated);
});

const files = { source: [join(cwd, 'source')], target: [join(cwd, 'target')] };

/** Of the pairs that the runs were trained on. */
const evaluated = (runs: readonly string[], workers: number) =>
  using(openEnsemble(runs, { workers }), async (model) => {
    const heldOut = await prepareHeldOut(model, files);
    return model.evaluate(heldOut.store).finally(() => heldOut.close());
  });

test('a run twice has the loss, the perplexity and the accuracy of the run', async () => {
  const own = await using(openModel(one, { workers: 1 }), async (model) => {
    const heldOut = await prepareHeldOut(model, files);
    return model.evaluate(heldOut.store).finally(() => heldOut.close());
  });
  const twice = await evaluated([one, one], 1);
  expect(twice.accuracy).toBe(own.accuracy);
  expect(twice.targets).toBe(own.targets);
  expect(twice.loss).toBeCloseTo(own.loss, 6);
  expect(twice.perplexity).toBeCloseTo(own.perplexity!, 5);
});

test('the loss of several runs is that of the mean of their probabilities, as score tells it, whatever the workers', async () => {
  const told = await evaluated([one, two], 1);
  const scored = await using(openEnsemble([one, two], { workers: 1 }), (model) =>
    model.score(pairs),
  );
  const targets = scored.reduce((sum, { tokens }) => sum + tokens!.length, 0);
  const loss = scored.reduce((sum, each) => sum - each.logProbability, 0) / targets;
  expect(told.targets).toBe(targets);
  expect(told.loss).toBeCloseTo(loss, 6);
  expect(told.perplexity).toBeCloseTo(Math.exp(loss), 5);
  expect(await evaluated([one, two], 3)).toEqual(told);
});

test('an ensemble that is closed answers the calls under way before, and says to later ones that it is closed', async () => {
  const many = Array.from({ length: 300 }, (_, i) => sources[i % sources.length]!);
  const model = await openEnsemble([one, two], { workers: 1 });
  const calls = [model.translate(many), model.score(pairs)];
  const closing = model.close();
  expect(model.close()).toBe(closing);
  await closing;
  const [translated, scored] = await Promise.all(calls);
  expect([translated!.length, scored!.length]).toEqual([many.length, pairs.length]);
  const closed = new UserError(
    `${model.checkpoint}: the model has been closed; open it again to use it`,
  );
  await expect(model.translate(sources)).rejects.toEqual(closed);
  await expect(model.score(pairs)).rejects.toEqual(closed);
});

test('the commands translate, score and measure together', async () => {
  const library = {
    ...{ openModel, readBatches, prepareCorpus, prepareHeldOut, scoreTranslations },
    openEnsemble: (runs: readonly string[]) => openEnsemble(runs, { workers: 1 }),
  };
  const file = join(cwd, 'in.txt');
  writeFileSync(file, sources.map((source) => `${source}\n`).join(''));
  const { stdout, stderr, status } = await runWith(
    ['translate', one, '--ensemble', two, file],
    library,
  );
  expect(status, stderr).toBe(0);
  const expected = await using(openEnsemble([one, two], { workers: 1 }), (model) =>
    model.translate(sources),
  );
  expect(stdout).toBe(expected.map(({ translations: [best] }) => `${best!.text}\n`).join(''));
  const given = ['--data', ...files.source, '--target', ...files.target, '--json'];
  const measured = await runWith(['evaluate', one, '--ensemble', two, ...given], library);
  expect(measured.status, measured.stderr).toBe(0);
  const figures = await using(openEnsemble([one, two], { workers: 1 }), (model) =>
    scoreTranslations(model, files),
  );
  const loss = await evaluated([one, two], 1);
  expect(JSON.parse(measured.stdout)).toMatchObject({ ...figures, ...loss });
});

test('runs of different vocabularies are refused, naming both', async () => {
  await expect(openEnsemble([one, other], { workers: 1 })).rejects.toThrow(
    /other.* has another vocabulary than .*one.*: the probabilities of an ensemble are those of the same tokens/,
  );
});

test('runs that read other parts of long sources are refused, since one cut is for all', async () => {
  await expect(openEnsemble([one, longer], { workers: 1 })).rejects.toThrow(
    /longer.* reads the first 20 tokens of a source, .*one.* the first 6 tokens: the members of an ensemble have to read the same \(data\.maxSourceLength, data\.truncate\)$/,
  );
});
