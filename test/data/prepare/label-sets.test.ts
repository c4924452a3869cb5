import { writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readAhead } from '../../../src/data/batches/read-ahead.js';
import { joinLabels, explainNoSet, splitLabels } from '../../../src/data/formats/label-sets.js';
import { describeOddities } from '../../../src/data/prepare/oddities.js';
import { prepareHeldOut } from '../../../src/data/prepare/held-out.js';
import type { Corpus } from '../../../src/data/store/corpus.js';
import type { TokenStore } from '../../../src/data/store/token-store.js';
import { hasLabel, wordsOf } from '../../../src/tensor/label-sets.js';
import { createHostBatch } from '../../../src/compute/batch-feed.js';
import { useScratch } from '../scratch.js';
import { readRows } from '../stores.js';
import {
  configure,
  configureIn,
  expectSameBytes,
  inFormats,
  makePlainTexts,
  usePreparation,
} from './corpora.js';

const scratch = useScratch();
const prepare = usePreparation();

/** More than a word of 32, some only in the last rows; every fifth row has none. */
const names = Array.from({ length: 50 }, (_, i) => `topic ${i}`);
const texts = makePlainTexts(150);
const labelsOf = texts.map((_, i) =>
  Array.from({ length: i % 5 }, (_, k) => names[(i * (k + 1)) % (i < 140 ? 40 : 50)]!),
);
/** As people write them: white space around, one twice, one too many separators. */
const cells = labelsOf.map((labels, i) =>
  i % 3 === 0 ? ` ${[...labels, ...labels].join(' | ')} |` : labels.join('|'),
);
const lists = labelsOf.map((labels, i) =>
  i % 4 === 0 ? cells[i] : labels.length === 0 ? null : labels,
);
const files = inFormats(
  texts,
  { cells, json: lists },
  { type: 'STRING', data: cells.map((cell) => (cell === '' ? null : cell)) },
);

/** The labels of each row of a store. */
async function setsOf({ classes }: Pick<Corpus, 'classes'>, store: TokenStore) {
  const { labels } = await readRows(store);
  return namesOf(classes, labels);
}

function namesOf(classes: readonly string[], sets: Int32Array): string[][] {
  const words = wordsOf(classes.length);
  return Array.from({ length: sets.length / words }, (_, row) =>
    classes.filter((_, id) => hasLabel(sets[row * words + (id >> 5)]!, id)),
  );
}

const expected = labelsOf.map((labels) => Array.from(new Set(labels)).sort());

/** What is tried most: labels and separators of few characters, so that they get in each other's way. */
const fewCharacters = fc.string({ unit: fc.constantFrom('-', 'A', ' ', '|'), maxLength: 5 });

test.each([
  ['plain', 'label'],
  ['behind a dot', 'in.it'],
])('numbers in lists are labels as they are written: %s', async (_, name) => {
  const numbers = ['12345678901234567890', '12345678901234567891', '1.0', '1e2', '-0'];
  const line = `{"text":"a","${name}":[${numbers.join(', ')}, true, "x, ]"]}\n`;
  const place = await scratch({ 'a.jsonl': line });
  const data = { train: place.path('a.jsonl'), validation: 0, label: name };
  const config = configureIn(place, 'multi-label', data);
  const { corpus } = await prepare(config);
  expect(corpus.classes).toEqual([...numbers, 'true', 'x, ]'].sort());
});

test('a list that is taken has the labels that its cell is split into, and so has every part of a cell that is taken', () => {
  const separators = fewCharacters.filter((text) => text.trim() !== '');
  fc.assert(
    fc.property(fc.array(fewCharacters), separators, fewCharacters, (items, separator, cell) => {
      const expectSame = (labels: readonly string[]): void => {
        const joined = joinLabels(labels, separator);
        if ('odd' in joined) return;
        const trimmed = labels.map((label) => label.trim()).filter((label) => label !== '');
        expect(splitLabels(joined.cell, separator)).toEqual([...new Set(trimmed)]);
      };
      expectSame(items);
      if (explainNoSet(cell, separator) !== undefined) return;
      const labels = splitLabels(cell, separator);
      expect(joinLabels(labels.toReversed(), separator)).toHaveProperty('cell');
      expectSame(labels.toReversed());
    }),
  );
  expect(joinLabels(['A-', 'B'], '--')).toHaveProperty('odd');
  expect(joinLabels(['A', 'B-'], '--')).toHaveProperty('odd');
  expect(joinLabels([' A ', '-B'], '--')).toEqual({ cell: 'A---B' });
});

describe('rows with any number of labels', () => {
  test.each(Object.keys(files) as (keyof typeof files)[])(
    'have the same sets whatever holds them: %s',
    async (format) => {
      const place = await scratch({ [`a.${format}`]: files[format] });
      const data = { train: place.path(`a.${format}`), validation: 0, quote: '"' };
      const config = configureIn(place, 'multi-label', data);
      const { corpus } = await prepare(config);
      expect(corpus.classes).toEqual(Array.from(new Set(expected.flat())).sort());
      expect(await setsOf(corpus, corpus.train)).toEqual(expected);
      const { labels, sets } = corpus.manifest.statistics.train;
      const counts = corpus.classes.map((name) => expected.filter((row) => row.includes(name)));
      expect(labels).toEqual(counts.map((each) => each.length));
      const empty = expected.filter((row) => row.length === 0).length;
      expect(sets).toEqual({ empty, most: 4 });
    },
  );

  test('make a store of the same bytes for 1 and 4 workers, and however they are divided', async () => {
    const place = await scratch({ 'a.csv': files.csv, 'b.jsonl': files.jsonl });
    const data = { train: place.path('*.*'), test: 0.2 };
    await expectSameBytes(prepare, place, (storeDir, workers) =>
      configure('multi-label', { ...data, storeDir }, workers),
    );
  });

  test('come in batches as they lie in the store, also by the thread that reads ahead', async () => {
    const place = await scratch({ 'a.csv': files.csv });
    const data = { train: place.path('a.csv'), validation: 0 };
    const { corpus } = await prepare(configureIn(place, 'multi-label', data));
    const options = { rows: 'apart', batchSize: 64, seed: 1, shuffle: false } as const;
    const source = readAhead(corpus.train, { ...options, bucketBatches: 1 });
    const words = wordsOf(corpus.classes.length);
    expect([source.labelWords, words]).toEqual([2, 2]);
    const batch = createHostBatch(source, [], words);
    const found: string[][] = [];
    for (let step = 0; step < source.stepsPerEpoch; step++) {
      await source.read(step, batch);
      found.push(...namesOf(corpus.classes, batch.labels.slice(0, batch.rows * words)));
    }
    expect(found).toEqual(expected);
  });

  test('may have labels in held-out rows alone: these have a place', async () => {
    const place = await scratch({
      'a.csv': 'text,label\nx,a\ny,b\n',
      'v.csv': 'text,label\nz,c|a\n',
    });
    const data = { train: place.path('a.csv'), validation: place.path('v.csv') };
    const config = configureIn(place, 'multi-label', data);
    const { corpus } = await prepare(config);
    expect(corpus.classes).toEqual(['a', 'b', 'c']);
    expect(await setsOf(corpus, corpus.validation!)).toEqual([['a', 'c']]);
    const model = { config, tokenizer: corpus.tokenizer, classes: corpus.classes };
    await writeFile(place.path('w.csv'), 'text,label\nz,\nz,b|d\n');
    await expect(
      prepareHeldOut(model, [place.path('w.csv')], '--data', () => undefined),
    ).rejects.toThrow(
      /w\.csv, line 3: expected one of the model's labels \("a", "b", "c"\), got "d"/,
    );
  });

  test.each([
    ['a.csv', 'text,label\na,\nb, |\n', 'no row to train on has a label: is "label" the column'],
    ['a.csv', 'text,label\n', 'data.train has no rows: the corpus is empty.'],
    [
      'a.jsonl',
      '{"text":"a","label":["x","y|z"]}\n',
      'line 1: expected a list of labels in the field "label", found in it "y|z", in which "|" stands',
    ],
    [
      'a.csv',
      'text,label\na,x--A-\n',
      'line 2: expected labels in "label", found "A-", which ends as "--" begins, so that nobody could tell where it ends',
      { labelSeparator: '--' },
    ],
    [
      'a.jsonl',
      '{"text":"a","label":[["x"]]}\n',
      'a list of labels in the field "label", found in it an array.',
    ],
    [
      'a.jsonl',
      '{"text":"a","label":{"x":1}}\n',
      'expected a list, a string, a number or a boolean as the labels in the field "label", found an object.',
    ],
    ['a.jsonl', '{"text":"a"}\n', 'there is no field "label"'],
  ])(
    'are refused where they hold none: %s %j',
    async (name, content, message, more: object = {}) => {
      const place = await scratch({ [name]: content });
      const data = { train: place.path(name), validation: 0, ...more };
      await expect(prepare(configureIn(place, 'multi-label', data))).rejects.toThrow(message);
    },
  );

  test('are hinted at where names are alike, rare or never together', async () => {
    const place = await scratch({ 'a.csv': 'text,label\na,x;y\nb,X;y\nc,\n' });
    const data = { train: place.path('a.csv'), validation: 0 };
    const hints = async (labelSeparator: string) => {
      const config = configureIn(place, 'multi-label', { ...data, labelSeparator });
      const { corpus } = await prepare(config);
      return [...describeOddities(corpus.manifest)].join('\n');
    };
    expect(await hints(';')).toMatch(
      /\nThe labels "X", "x" differ in case only.*\n2 labels have a single row each.*"X", "x"/,
    );
    expect(await hints(';')).not.toContain('more than one label');
    expect(await hints('|')).toContain('No row to train on has more than one label');
  });
});

test('labels of a cell are split, trimmed and each there once', () => {
  expect(splitLabels(' a |b||a| c d |', '|')).toEqual(['a', 'b', 'c d']);
  expect(splitLabels('a, b', ', ')).toEqual(['a', 'b']);
  expect(splitLabels('a  b\ta', ' ')).toEqual(['a', 'b\ta']);
  expect(splitLabels(' ', '|')).toEqual([]);
});
