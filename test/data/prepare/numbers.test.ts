import { describe, expect, test } from 'vitest';
import { prepareHeldOut } from '../../../src/data/prepare/held-out.js';
import { asFloats } from '../../../src/tensor/float-bits.js';
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

/** Numbers of all sizes and signs, exact in float32 or not. */
const texts = makePlainTexts(150);
const numbers = texts.map((_, i) =>
  i % 7 === 0 ? -i - 1 : (i * i) / 64 + 0.1 + (i % 5 === 0 ? 1e-12 : 0),
);
const files = inFormats(
  texts,
  { cells: numbers, json: numbers },
  { type: 'DOUBLE', data: numbers },
);

describe('rows with a number each', () => {
  test.each(Object.keys(files) as (keyof typeof files)[])(
    'have the same numbers, mean and deviation whatever holds them: %s',
    async (format) => {
      const place = await scratch({ [`a.${format}`]: files[format] });
      const data = { train: place.path(`a.${format}`), validation: 0, quote: '"' };
      const config = configureIn(place, 'regress', data);
      const { corpus } = await prepare(config);
      const expected = numbers.map((each) => Math.fround(each));
      expect([...asFloats((await readRows(corpus.train)).labels)]).toEqual(expected);
      const mean = expected.reduce((sum, each) => sum + each / expected.length, 0);
      const variance =
        expected.reduce((sum, each) => sum + (each - mean) ** 2, 0) / expected.length;
      const { targetScale, manifest, classes } = corpus;
      expect(classes).toEqual([]);
      expect(targetScale!.mean / mean).toBeCloseTo(1, 12);
      expect(targetScale!.deviation / Math.sqrt(variance)).toBeCloseTo(1, 12);
      // Without a rounding that depended on the file's parts.
      expect(targetScale).toEqual({ mean: 88.277001683563, deviation: 118.5549992807195 });
      expect(manifest.statistics.train.range).toEqual([
        Math.min(...expected),
        Math.max(...expected),
      ]);
    },
  );

  test('make a store of the same bytes for 1 and 4 workers, and however they are divided', async () => {
    const place = await scratch({ 'a.csv': files.csv, 'b.jsonl': files.jsonl });
    const data = { train: place.path('*.*'), test: 0.2 };
    await expectSameBytes(prepare, place, (storeDir, workers) =>
      configure('regress', { ...data, storeDir }, workers),
    );
  });

  test('are measured by the mean and deviation that a model knows', async () => {
    const place = await scratch({ 'a.csv': files.csv, 'b.csv': 'text,label\na b,5\nc,5\n' });
    const data = { train: place.path('a.csv'), validation: 0 };
    const config = configureIn(place, 'regress', data);
    const { corpus } = await prepare(config);
    const { tokenizer, classes, targetScale } = corpus;
    const model = { config, tokenizer, classes, targetScale };
    const heldOut = await prepareHeldOut(model, [place.path('b.csv')], '--data', () => undefined);
    expect(heldOut.store.vocabulary?.targetScale).toEqual(targetScale);
    expect([...asFloats((await readRows(heldOut.store)).labels)]).toEqual([5, 5]);
    await heldOut.close();
  });

  test('are read with what float32 has of their digits, be they tiny or huge, and 0 is 0', async () => {
    const place = await scratch({
      'a.csv': 'text,label\na,1e-38\nb,3.4e38\nc,-3.4e38\nd,0e9\ne,-0.0\nf,1e-40\n',
    });
    const data = { train: place.path('a.csv'), validation: 0 };
    const { corpus } = await prepare(configureIn(place, 'regress', data));
    const [tiny, huge, deep, ...zeros] = asFloats((await readRows(corpus.train)).labels);
    expect([tiny, huge, deep]).toEqual([1e-38, 3.4e38, -3.4e38].map(Math.fround));
    expect(zeros.map(Math.abs)).toEqual([0, 0, Math.fround(1e-40)]);
  });

  test.each([
    ['a.csv', 'text,label\na,1\nb,\n', 'line 3: expected a number in "label", found nothing.'],
    [
      'a.csv',
      'text,label\na,1\nb,"1,5"\n',
      `line 3: expected a number that float32 can hold in "label", found "1,5" (which would be one with data.decimalMark: ',').`,
    ],
    ['a.tsv', 'text\tlabel\na\t1e39\n', 'line 2: expected a number that float32 can hold'],
    ['a.csv', 'text,label\na,1\nb,1e-46\n', 'line 3: expected a number that float32 can hold'],
    ['a.csv', 'text,label\na,1\nb,-0.1e-400\n', 'line 3: expected a number that float32 can hold'],
    [
      'a.csv',
      'text,label\na,1e-44\nb,3e-43\n',
      'too near to 0 for float32, which knows a few digits of such: about 1.4',
    ],
    ['a.jsonl', '{"text":"a","label":"NaN"}\n', 'line 1: expected a number that float32 can hold'],
    ['a.jsonl', '{"text":"a","label":[1]}\n', 'expected a number in the field "label", found an a'],
    ['a.jsonl', '{"text":"a","label":true}\n', 'expected a number that float32 can hold'],
    ['a.csv', 'text,label\na,2\nb,2.0\n', 'The training rows all have the number 2, as float32'],
    [
      'a.csv',
      'text,label\na,1700000000\nb,1700000900\n',
      'too near to each other for float32, about 4',
    ],
    ['a.csv', 'text,label\n', 'data.train has no rows: the corpus is empty.'],
  ])('are refused where they hold none: %s %j', async (name, content, message) => {
    const place = await scratch({ [name]: content });
    const data = { train: place.path(name), validation: 0 };
    await expect(prepare(configureIn(place, 'regress', data))).rejects.toThrow(message);
  });

  const people = { text: ['a', 'b', 'c', 'd'], amounts: [1250, 1234567.5, -0.25, 7] };
  test.each([
    [',', ['1.250', '1 234 567,5', '-0,25', '7']],
    ['.', ['1,250', "1'234'567.5", '-0.25', '7.0']],
  ] as const)('are read as people write them with %j before decimals', async (mark, cells) => {
    const strings = inFormats(
      people.text,
      { cells: cells.map((cell) => `"${cell}"`), json: cells },
      { type: 'STRING', data: [...cells] },
    );
    // What is a number in the file has no such marks.
    const plain = { cells: cells.map((cell) => `"${cell}"`), json: people.amounts };
    const numbers = inFormats(people.text, plain, { type: 'DOUBLE', data: people.amounts });
    for (const [format, content] of [...Object.entries(strings), ...Object.entries(numbers)]) {
      const place = await scratch({ [`a.${format}`]: content });
      const data = { train: place.path(`a.${format}`), validation: 0, decimalMark: mark };
      const { corpus } = await prepare(configureIn(place, 'regress', { ...data, quote: '"' }));
      const { labels } = await readRows(corpus.train);
      expect([...asFloats(labels)], format).toEqual(people.amounts);
    }
  });

  test('are none where the other mark stands before decimals', async () => {
    const place = await scratch({ 'a.csv': 'text,label\na,1.250\nb,1.25\n' });
    const data = { train: place.path('a.csv'), validation: 0, decimalMark: ',' };
    await expect(prepare(configureIn(place, 'regress', data))).rejects.toThrow(
      `line 3: expected a number that float32 can hold in "label", found "1.25" (which would be one with data.decimalMark: '.').`,
    );
  });

  test('are left out where they hold none, as other bad rows', async () => {
    const place = await scratch({ 'a.csv': 'text,label\na,1\nb,?\nc,-2.5e0\n' });
    const data = { train: place.path('a.csv'), validation: 0, onBadRow: 'quarantine' };
    const config = configureIn(place, 'regress', data);
    const { corpus } = await prepare(config);
    expect([...asFloats((await readRows(corpus.train)).labels)]).toEqual([1, -2.5]);
    expect(corpus.manifest.sources[0]!.badRows).toBe(1);
  });

  test('are no names of columns', async () => {
    const place = await scratch({ 'a.csv': 'a,1\nb,2\n' });
    const data = { train: place.path('a.csv'), validation: 0, text: 1, label: 2 };
    const config = configureIn(place, 'regress', data);
    await expect(prepare(config)).rejects.toThrow('column 2 is 1, a number as in rows below');
  });
});
