import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.js';
import type { SampleRow, TrainEvent } from '../../../src/events.js';
import { train } from '../../../src/train/run.js';
import { openModel, type SharedModel } from '../../../src/use/model-file.js';

/** What evaluations show, held against what the model of the last checkpoint answers. */

const cwd = mkdtempSync(join(tmpdir(), 'lockstep-test-'));
afterAll(() => rmSync(cwd, { recursive: true }));

const colours = ['red', 'green', 'blue'];
const rows = Array.from({ length: 90 }, (_, i) => {
  const words = Array.from({ length: 2 + (i % 5) }, (_, k) => `w${(i * (k + 3) + k * k) % 11}`);
  return { words, colour: colours[(i * 7 + words.length) % 3]!, second: colours[i % 3]! };
});
const held = rows.slice(0, 33);

beforeAll(() => {
  const write = (name: string, lines: string[]): void =>
    writeFileSync(join(cwd, name), `${lines.join('\n')}\n`);
  for (const [name, some] of Object.entries({ train: rows, valid: held })) {
    const table = (of: (row: (typeof rows)[number], i: number) => string): string[] => [
      'text,label',
      ...some.map((row, i) => `${row.words.join(' ')},${of(row, i)}`),
    ];
    write(
      `${name}.classes.csv`,
      table(({ colour }) => colour),
    );
    write(
      `${name}.sets.csv`,
      table(({ colour, second }) => `${colour}|${second}`),
    );
    write(
      `${name}.numbers.csv`,
      table(({ words }, i) => String(1000 + 3 * words.length + i / 8)),
    );
    write(
      `${name}.tags.conll`,
      some.map(({ words }) => words.map((word, k) => `${word} x T${k % 3}\n`).join('')),
    );
    write(
      `${name}.source`,
      some.map(({ words }) => words.join(' ')),
    );
    write(
      `${name}.target`,
      some.map(({ words }) => words.toReversed().join(' ')),
    );
  }
});

const single = '{ embedding: 8, layers: [{ cell: lstm, hiddenSize: 12 }] }';
const translator = `{ embedding: 8, attention: { kind: general },
  encoder: { embedding: 8, layers: [{ cell: lstm, hiddenSize: 8 }] }, layers: [{ cell: lstm, hiddenSize: 12 }] }`;

async function run(
  name: string,
  { task, files, model = single }: { task: string; files: string; model?: string },
  settings: { workers?: number; train?: string } = {},
) {
  const { workers = 2, train: more = 'epochs: 4' } = settings;
  const path = join(cwd, `${name}.yaml`);
  writeFileSync(
    path,
    `task: ${task}
data: { ${files}, storeDir: ${cwd}/stores, maxLength: 9, tokenizer: { kind: word, minCount: 1, filters: '' } }
model: ${model}
train: { batchSize: 10, optimizer: { learningRate: 0.02 }, ${more} }
`,
  );
  const events: TrainEvent[] = [];
  const runDir = join(cwd, name);
  const listener = (event: TrainEvent): void => void events.push(event);
  const config = await loadConfig(path, [`workers=${workers}`]);
  await train(config, { runDir, resume: false, listener });
  const of = <T extends TrainEvent['type']>(type: T) =>
    events.filter((event): event is Extract<TrainEvent, { type: T }> => event.type === type);
  return { runDir, of };
}

const tables = (name: string): string =>
  `train: ['${cwd}/train.${name}.csv'], validation: ['${cwd}/valid.${name}.csv']`;

async function ask<T>(runDir: string, question: (model: SharedModel) => Promise<T>): Promise<T> {
  const model = await openModel(runDir, { checkpoint: 'latest', workers: 1 });
  return question(model).finally(() => model.close());
}

/** −ln p of each row of the validation split, greatest first. */
function expectHardest(shown: readonly SampleRow[], losses: readonly number[]): void {
  const order = Array.from(losses.keys()).sort((a, b) => losses[b]! - losses[a]!);
  expect(shown).toHaveLength(10);
  shown.forEach(({ loss }, place) => expect(loss).toBeCloseTo(losses[order[place]!]!, 3));
  shown.forEach(({ row, loss }) => expect(loss).toBeCloseTo(losses[row]!, 3));
}

const sampled = [0, 4, 8, 12, 16, 20, 24, 28];

test('of a classifier: confusion that adds up to the accuracy, samples and the hardest rows as the model answers', async () => {
  const kind = { task: 'classify', files: tables('classes') };
  const { runDir, of } = await run('classify', kind);
  const texts = held.map(({ words }) => words.join(' '));
  const { answers, classes } = await ask(runDir, async (model) => ({
    answers: await model.classify(texts),
    classes: model.classes,
  }));
  const evaluations = of('evaluation');
  const confusions = of('confusion');
  expect(confusions.map(({ step }) => step)).toEqual(evaluations.map(({ step }) => step));
  confusions.forEach(({ counts, split }, i) => {
    const right = counts.reduce((sum, row, id) => sum + row[id]!, 0);
    expect(split).toBe('validation');
    expect(counts.flat().reduce((sum, count) => sum + count, 0)).toBe(held.length);
    expect(right / held.length).toBeCloseTo(evaluations[i]!.accuracy!, 12);
  });
  expect(confusions[0]!.classes).toEqual(classes);
  const samples = of('samples').at(-1)!.rows;
  expect(samples.map(({ row }) => row)).toEqual(sampled);
  for (const { row, text, target, predicted, probability } of samples) {
    expect({ text, target }).toEqual({ text: texts[row], target: held[row]!.colour });
    expect(probability).toBeCloseTo(Math.max(...answers[row]!), 3);
    expect(answers[row]![classes.indexOf(predicted!)]).toBe(Math.max(...answers[row]!));
  }
  const losses = held.map(({ colour }, i) => -Math.log(answers[i]![classes.indexOf(colour)]!));
  expectHardest(of('hardest').at(-1)!.rows, losses);
  // Whatever the number of workers, and also where a batch has few rows.
  const other = await run('classify-4', kind, { workers: 4 });
  for (const type of ['confusion', 'samples', 'hardest'] as const) {
    expect(other.of(type)).toEqual(of(type));
  }
});

test('of a multi-label classifier: sets of labels, each with its probability', async () => {
  const { runDir, of } = await run('sets', { task: 'multi-label', files: tables('sets') });
  const texts = held.map(({ words }) => words.join(' '));
  await ask(runDir, async (model) => {
    const answers = await model.classify(texts);
    expect(of('confusion')).toEqual([]);
    for (const { row, target, predicted, probability } of of('samples').at(-1)!.rows) {
      const { colour, second } = held[row]!;
      expect(new Set(target!.split(', '))).toEqual(new Set([colour, second]));
      const told = model.classes.filter((_, id) => answers[row]![id]! > 0.5);
      expect(predicted).toBe(told.join(', '));
      const each = Array.from(answers[row]!, (p) => Math.max(p, 1 - p));
      expect(probability).toBeCloseTo(
        each.reduce((product, p) => product * p, 1),
        3,
      );
    }
    expect(of('hardest').at(-1)!.rows).toHaveLength(10);
  });
});

test('of numbers: the true one and the one told, in their unit, and the standardised error', async () => {
  const { runDir, of } = await run('numbers', { task: 'regress', files: tables('numbers') });
  const answers = await ask(runDir, (model) =>
    model.regress(held.map(({ words }) => words.join(' '))),
  );
  const { deviation } = of('start')[0]!.targetScale!;
  const truths = held.map(({ words }, i) => 1000 + 3 * words.length + i / 8);
  expect(of('confusion')).toEqual([]);
  for (const { row, target, predicted } of of('samples').at(-1)!.rows) {
    expect(Number(target)).toBeCloseTo(truths[row]!, 1);
    expect(Number(predicted)).toBeCloseTo(answers[row]!, 1);
  }
  const losses = truths.map((truth, i) => ((answers[i]! - truth) / deviation) ** 2);
  expectHardest(of('hardest').at(-1)!.rows, losses);
});

test.each(['softmax', 'crf'])('of a tagger: tokens with their tags: %s', async (loss) => {
  const files = `train: ['${cwd}/train.tags.conll'], validation: ['${cwd}/valid.tags.conll']`;
  const { runDir, of } = await run(
    `tag-${loss}`,
    { task: 'tag', files },
    { train: `epochs: 4, loss: { kind: ${loss} }` },
  );
  const answers = await ask(runDir, (model) => model.tag(held.map(({ words }) => words)));
  for (const { row, text, target, predicted } of of('samples').at(-1)!.rows) {
    const { words } = held[row]!;
    const withTags = (tags: readonly string[]): string =>
      words.map((word, i) => `${word}/${tags[i]!}`).join(' ');
    expect(text).toBe(words.join(' '));
    expect(target).toBe(withTags(words.map((_, k) => `T${k % 3}`)));
    expect(predicted).toBe(withTags(answers[row]!));
  }
  const { counts } = of('confusion').at(-1)!;
  const tokens = held.reduce((sum, { words }) => sum + words.length, 0);
  expect(counts.flat().reduce((sum, count) => sum + count, 0)).toBe(tokens);
  const right = counts.reduce((sum, row, id) => sum + row[id]!, 0);
  expect(right / tokens).toBeCloseTo(of('evaluation').at(-1)!.accuracy!, 12);
  expect(of('hardest').at(-1)!.rows).toHaveLength(10);
});

const pairs = {
  task: 'translate',
  files: ['train', 'validation']
    .map((split, i) => {
      const name = ['train', 'valid'][i]!;
      return `${split}: { source: ${cwd}/${name}.source, target: ${cwd}/${name}.target }`;
    })
    .join(', '),
  model: translator,
};

test.each([
  // Enough steps that what is written is little beside them.
  ['by the engine that trains', 8, 'epochs: 45, evaluateEverySteps: 1000'],
  // Whose batches hold two of the longest pairs for certain.
  [
    'by one that trains by tokens',
    2,
    'epochs: 8, batchTokens: 12, bucketBatches: 4, evaluateEverySteps: 100000',
  ],
  ['of those that evaluations translate', 8, 'epochs: 4, evaluateTranslations: { pairs: 33 }'],
])(
  'of a translator: what translate answers, with what was attended to: %s',
  async (how, least, more) => {
    const { runDir, of } = await run(`translate-${how.length}`, pairs, { train: more });
    const shown = of('samples').at(-1)!.rows;
    expect(of('samples').at(-1)!.step).toBe(of('end')[0]!.step);
    expect(shown.length).toBeGreaterThanOrEqual(least);
    expect(shown.map(({ row }) => row)).toEqual(sampled.slice(0, shown.length));
    const texts = sampled.map((row) => held[row]!.words.join(' '));
    const answers = await ask(runDir, (model) =>
      model.translate(texts, { beam: 1, attention: true, unknown: 'keep' }),
    );
    shown.forEach(({ text, target, predicted, attention }, i) => {
      const { translations, sourceTokens } = answers[i]!;
      const [best] = translations;
      expect(text).toBe(texts[i]);
      expect(target).toBe(held[sampled[i]!]!.words.toReversed().join(' '));
      // As far as the longest rows go that the engine was planned for.
      const written = attention!.target.length;
      expect(written).toBeGreaterThanOrEqual(Math.min(6, best!.tokens.length));
      expect(predicted).toBe(best!.tokens.slice(0, written).join(' '));
      expect(attention!.source).toEqual(sourceTokens);
      expect(attention!.target).toEqual(best!.tokens.slice(0, written));
      attention!.weights.forEach((weights, token) =>
        weights.forEach((weight, place) =>
          expect(weight).toBeCloseTo(best!.attention![token]![place]!, 1.9),
        ),
      );
    });
    expect(of('hardest').at(-1)!.rows[0]).not.toHaveProperty('predicted');
  },
);

test('what is shown is the same for any number of workers, and leaves the weights as they are', async () => {
  const text = join(cwd, 'a.txt');
  writeFileSync(
    text,
    rows
      .map(({ words }) => words.join(' '))
      .join('\n')
      .repeat(4),
  );
  const kind = {
    task: 'language-model',
    files: `train: ['${text}'], validation: 0.2`,
  };
  // Whose writing is worth 1 % of them.
  const steps = 'epochs: 1000, maxSteps: 2500, sequenceLength: 6, checkpoint: { everySteps: 2500 }';
  const often = await run('often', kind, { train: `${steps}, evaluateEverySteps: 500` });
  const seldom = await run('seldom', kind, {
    ...{ workers: 1, train: `${steps}, evaluateEverySteps: 99999` },
  });
  const [last] = often.of('samples').slice(-1);
  expect(last).toMatchObject({ step: 2500, split: 'validation' });
  expect(last!.rows).toHaveLength(4);
  expect(seldom.of('samples')).toEqual([last]);
  const weightsOf = (runDir: string): Buffer =>
    readFileSync(join(runDir, 'checkpoints', 'step-00002500', 'optimizer.safetensors'));
  expect(weightsOf(often.runDir).equals(weightsOf(seldom.runDir))).toBe(true);
});
