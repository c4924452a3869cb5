import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.js';
import { loadConfig, parseConfig } from '../../src/config/load.js';
import { prepareCorpus } from '../../src/data/prepare/prepare.js';
import { classWeightsOf } from '../../src/train/class-weights.js';
import { train } from '../../src/train/run.js';
import { openModel } from '../../src/use/model-file.js';
import { colourRows, makeWorkplace } from '../e2e/corpus.js';
import { readResult, trainSmall, type SmallRun } from '../faults/small-run.js';

const cwd = makeWorkplace();
const dirOf = (name: string): string => join(cwd, 'runs', name);
const balanced = ['train.loss={ labelSmoothing: 0.1, classWeights: balanced }'];

function lastEvaluation({ events, error }: SmallRun): {
  loss: number;
  perplexity?: number | undefined;
} {
  expect(error).toBeUndefined();
  return events.findLast((event) => event.type === 'evaluation')!;
}
function stateOf({ end }: SmallRun): { classWeights?: number[]; config: object } {
  return JSON.parse(readFileSync(join(end!.checkpoint, 'state.json'), 'utf8')) as {
    classWeights?: number[];
    config: object;
  };
}

it('weights of labels that are balanced have rows with each count as those without', async () => {
  const set = ['task=multi-label', 'train.loss.positiveWeights=balanced'];
  const config = await loadConfig(join(cwd, 'classifier.yaml'), set);
  const weights = classWeightsOf(config, ['a', 'b', 'c', 'd'], [30, 5, 96, 0], 96)!;
  // As PyTorch's documentation has it: 66 / 30, …; of one that all rows have, or none has, as if another row had not, or had.
  expect(weights).toEqual([66 / 30, 91 / 5, 1 / 96, 96].map(Math.fround));
});

describe('class weights', () => {
  const config = async (classWeights: string) =>
    loadConfig(join(cwd, 'classifier.yaml'), [`train.loss.classWeights=${classWeights}`]);

  it('that are balanced give all classes the same weight together, and the mean row 1', async () => {
    const rows = [30, 6, 60];
    const weights = classWeightsOf(await config('balanced'), ['a', 'b', 'c'], rows, 96)!;
    // As scikit-learn: 96 / (3 · 30), …
    expect(weights).toEqual([32 / 30, 96 / 18, 96 / 180].map(Math.fround));
  });

  it('are taken by name, and are 1 for classes that are not named', async () => {
    const given = await config('{ spam: 2.5, "comp.graphics": 0.1 }');
    const classes = ['comp.graphics', 'ham', 'spam'];
    expect(classWeightsOf(given, classes, [1, 1, 1], 3)).toEqual([Math.fround(0.1), 1, 2.5]);
    expect(classWeightsOf(await config('null'), classes, [1, 1, 1], 3)).toBeUndefined();
  });

  it('of a class that the corpus has not are refused before anything is written', async () => {
    const set = ['train.loss.classWeights={ green: 2, blu: 3 }'];
    const { error } = await trainSmall(cwd, 'classifier', { runDir: dirOf('unknown'), set });
    expect(error).toEqual(
      new UserError(
        '--set train.loss.classWeights={ green: 2, blu: 3 }: train.loss.classWeights: ' +
          'the training rows have no class "blu"; did you mean "blue"?',
      ),
    );
  });
});

describe('a run with smoothing and balanced weights', () => {
  it('keeps the weights in its checkpoint, by which an evaluation has the loss of its validation', async () => {
    const run = await trainSmall(cwd, 'classifier', { runDir: dirOf('kept'), set: balanced });
    const { loss } = lastEvaluation(run);
    const corpus = await prepareCorpus(await smallConfig(balanced), () => undefined);
    const { labels } = corpus.manifest.statistics.train;
    const weights = labels.map((rows) => Math.fround(corpus.train.rows / (3 * rows)));
    expect(stateOf(run).classWeights).toEqual(weights);
    const model = await openModel(dirOf('kept'), { checkpoint: 'latest' });
    try {
      const evaluation = await model.evaluate(corpus.validation!);
      expect(evaluation.loss).toBe(loss);
      expect(evaluation.accuracy).toBeGreaterThan(0.5);
    } finally {
      await model.close();
      await corpus.close();
    }
  });

  it('comes to the same weights for any number of workers, stopped and resumed', async () => {
    const whole = dirOf('whole');
    const short = 'train.maxSteps=12';
    await trainSmall(cwd, 'classifier', { runDir: whole, set: [...balanced, short, 'workers=1'] });
    const stopped = dirOf('stopped');
    const shorter = [...balanced, 'train.maxSteps=5', 'workers=3'];
    await trainSmall(cwd, 'classifier', { runDir: stopped, set: shorter });
    const set = [...balanced, short, 'workers=2'];
    await trainSmall(cwd, 'classifier', { runDir: stopped, set, resume: true });
    expect(readResult(stopped)).toEqual(readResult(whole));
    const plain = dirOf('plain');
    await trainSmall(cwd, 'classifier', { runDir: plain, set: [short, 'workers=1'] });
    expect(readResult(plain).model.equals(readResult(whole).model)).toBe(false);
  });

  it('is not gone on with under another loss', async () => {
    const runDir = dirOf('kept');
    const set = ['train.loss.labelSmoothing=0.1', 'train.maxSteps=45'];
    const { error } = await trainSmall(cwd, 'classifier', { runDir, set, resume: true });
    expect((error as Error).message).toContain('(train.loss.classWeights: "balanced" → null)');
  });
});

it('weights of classes with dots in their names are signed and come back with the checkpoint', async () => {
  const rows = colourRows().map(({ text, label }) => `${text},rec.${label}`);
  writeFileSync(join(cwd, 'dotted.csv'), `text,label\n${rows.join('\n')}\n`);
  const set = [
    `data.train=${join(cwd, 'dotted.csv')}`,
    'train.loss.classWeights={ rec.red: 3, "": 1 }',
    'train.maxSteps=3',
  ];
  const refused = await trainSmall(cwd, 'classifier', { runDir: dirOf('dotted'), set });
  expect((refused.error as Error).message).toContain('no class ""');
  set[1] = 'train.loss.classWeights={ rec.red: 3 }';
  const run = await trainSmall(cwd, 'classifier', { runDir: dirOf('dotted'), set });
  expect(stateOf(run)).toMatchObject({
    classWeights: [1, 1, 3],
    config: { train: { loss: { classWeights: { 'rec.red': 3 } } } },
  });
  const model = await openModel(dirOf('dotted'));
  expect(model.config.train.loss.classWeights).toEqual({ 'rec.red': 3 });
  await model.close();
});

it('perplexity is that of the text, whatever the smoothing of the loss', async () => {
  // Steps too small to make a difference.
  const set = ['train.optimizer.learningRate=1e-12', 'train.maxSteps=1'];
  const [plain, smoothed] = await Promise.all(
    [0, 0.5].map(async (smoothing) => {
      const runDir = dirOf(`smoothed-${smoothing}`);
      const all = [...set, `train.loss.labelSmoothing=${smoothing}`];
      return lastEvaluation(await trainSmall(cwd, 'language-model', { runDir, set: all }));
    }),
  );
  expect(smoothed!.perplexity).toBeCloseTo(plain!.perplexity!, 6);
  expect(plain!.perplexity).toBeCloseTo(Math.exp(plain!.loss), 10);
  expect(Math.abs(smoothed!.loss - plain!.loss)).toBeGreaterThan(1e-5);
});

const smallConfig = (set: string[]) =>
  loadConfig(join(cwd, 'classifier.yaml'), [
    `data.train=${join(cwd, 'colours.csv')}`,
    `data.storeDir=${join(cwd, 'stores')}`,
    ...set,
  ]);

it.each([
  ['BIO', 'B-LOC', false],
  ['IOB1', 'I-LOC', true],
])('a crf keeps to the scheme that the rows keep to: %s', async (scheme, first, isFree) => {
  // Two places side by side are the only ones that either scheme begins with a B-.
  const row = (i: number): string =>
    i % 3 === 0
      ? `oslo ${first}\nrome B-LOC\n`
      : `to O\n${i % 2 ? 'oslo' : 'rome'} ${first}\nbay I-LOC\n`;
  const file = join(cwd, `${scheme}.conll`);
  writeFileSync(file, Array.from({ length: 60 }, (_, i) => row(i)).join('\n'));
  const runDir = dirOf(scheme);
  const go = (epochs: number, options: { resume: boolean; override?: boolean }) => {
    const config = parseConfig(
      `task: tag
data: { train: ${file}, validation: 0, storeDir: ${join(cwd, 'stores')}, tokenizer: { kind: word } }
model: { embedding: 8, layers: [{ hiddenSize: 8 }] }
train: { batchSize: 8, epochs: ${epochs}, loss: { kind: crf }, optimizer: { learningRate: 0.05 } }
workers: 1
`,
      `${scheme}.yaml`,
    );
    return train(config, { runDir, ...options, listener: () => undefined });
  };
  const end = await go(8, { resume: false });
  expect('tagsAreFree' in stateOf({ end, error: undefined, events: [] })).toBe(isFree);
  const model = await openModel(runDir);
  expect(
    await model.tag([
      ['to', 'oslo', 'bay'],
      ['oslo', 'rome'],
    ]),
  ).toEqual([
    ['O', first, 'I-LOC'],
    [first, 'B-LOC'],
  ]);
  await model.close();
  if (!isFree) return;
  // What has been learned stays so, though a changed corpus keeps to what its names tell.
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/^(oslo|rome) .*$/gm, '$1 B-LOC'));
  const resumed = await go(9, { resume: true, override: true });
  expect(stateOf({ end: resumed, error: undefined, events: [] })).toHaveProperty('tagsAreFree');
});
