import { readdir, writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load.js';
import type { Config } from '../../../src/config/schema.js';
import { describeOddities, isShifted } from '../../../src/data/prepare/oddities.js';
import { prepareCorpus } from '../../../src/data/prepare/prepare.js';
import type { TrainEvent } from '../../../src/events.js';
import type { TaskKind } from '../../../src/tasks/registry.js';
import { useScratch } from '../scratch.js';
import { tries } from '../../effort.js';

const scratch = useScratch();

function oddities(
  classes: string[],
  train: number[],
  validation?: number[],
  shared = 0,
  task: TaskKind = 'classify',
) {
  const sum = (counts: number[]) => counts.reduce((total, count) => total + count, 0);
  const told = (labels: number[]) => ({ labels });
  const manifest = {
    options: { task },
    classes,
    splits: { train: { rows: sum(train) }, validation: validation && { rows: sum(validation) } },
    statistics: { train: told(train), validation: validation && told(validation) },
    sharedRows: { validation: shared, test: 0 },
  };
  return describeOddities(manifest as never);
}

describe('a corpus is said to be odd', () => {
  it.each([
    [['ham', ' ham', 'ham '], 'white space'],
    [['ham', 'ham\u200b', 'spam'], 'white space'],
    [['Ham', 'ham', 'HAM'], 'case'],
    [['caf\u00e9', 'cafe\u0301'], 'the form of their characters'],
    [['1', '1.0', '1e0'], 'how the number is written'],
    [['07', '7'], 'how the number is written'],
    [['Ham', 'ham '], 'case, white space, the form of their characters or how a number is written'],
  ])('where names of classes are alike: %j', (classes, how) => {
    const [sentence, ...others] = oddities(classes, [9, 9, 9].slice(0, classes.length));
    expect(sentence).toContain(`differ in ${how} only`);
    expect(others).toEqual([]);
  });

  it('where a class has one row to train on', () => {
    expect(oddities(['a', 'b'], [1, 40])).toEqual(['The class "a" has a single row to train on.']);
    expect(oddities(['a', 'b', 'c'], [1, 40, 1])).toEqual([
      '2 classes have a single row each to train on: "a", "c".',
    ]);
  });

  it.each([
    [{ entities: 90, broken: 0 }, []],
    [
      { entities: 90, broken: 80 },
      [
        'The names of the tags are those of BIO, but 80 times in 90 entities to train on an entity begins with an I-, as in IOB1: a crf may predict such, too.',
      ],
    ],
    [
      { entities: 90, broken: 1 },
      [
        'The names of the tags are those of BIO; 1 time in 90 entities to train on an entity begins with an I-, by mistake it seems: a crf predicts none such.',
      ],
    ],
  ])('where tags follow each other otherwise than by their scheme: %j', (scheme, told) => {
    const train = { labels: [9, 9, 9], scheme };
    const splits = { train: { rows: 9, tagsFile: {} } };
    const manifest = {
      ...{ options: { task: 'tag' }, classes: ['B-X', 'I-X', 'O'] },
      ...{ splits, statistics: { train } },
    };
    const sharedRows = { validation: 0, test: 0 };
    expect(describeOddities({ ...manifest, sharedRows } as never)).toEqual(told);
  });

  it('where the vocabulary lacks most of the text', () => {
    const told = (unknownTokens: number, split = ' ') => {
      const train = { labels: [], textTokens: 1000, unknownTokens };
      const splits = { train: { rows: 1 } };
      const manifest = {
        options: { task: 'language-model' },
        tokenizer: { kind: 'word', split },
        splits,
      };
      const more = { classes: [], statistics: { train }, sharedRows: { validation: 0, test: 0 } };
      return describeOddities({ ...manifest, ...more } as never);
    };
    expect(told(500)).toEqual([]);
    expect(told(501)).toEqual([
      '50.1 % of the words to train on are not in the vocabulary: is data.tokenizer.minCount too large for so little text, or data.tokenizer.vocabularySize too small?',
    ]);
    expect(told(1000, ',')).toEqual([
      '100.0 % of the words to train on are not in the vocabulary: is data.tokenizer.minCount too large for so little text, or data.tokenizer.vocabularySize too small, or is "," (data.tokenizer.split) not what stands between words?',
    ]);
  });

  it('in the words of its task', () => {
    expect(oddities(['Ham', 'ham', 'spam'], [1, 1, 9], undefined, 0, 'multi-label')).toEqual([
      'The labels "Ham", "ham" differ in case only, and are learned as 2 labels: write them alike if they are one.',
      '2 labels have a single row each to train on: "Ham", "ham".',
    ]);
  });

  it('in numbers that can be read', () => {
    expect(oddities(['a', 'b'], [4000, 4000], [1000, 1000], 1500)).toEqual([
      '1,500 of 2,000 rows of data.validation (75.0 %) have the text of a training row: figures measured on them promise too much.',
    ]);
  });

  it('where validation rows are trained on', () => {
    expect(oddities(['a', 'b'], [40, 40], [5, 5], 3)).toEqual([
      '3 of 10 rows of data.validation (30.0 %) have the text of a training row: figures measured on them promise too much.',
    ]);
  });

  it('where classes are distributed otherwise', () => {
    expect(oddities(['a', 'b'], [900, 100], [50, 50])).toEqual([
      'The classes of data.validation are distributed otherwise than those of data.train: "a" has 50.0 % of its rows, and 90.0 % of those to train on.',
    ]);
  });

  it('and not where nothing is', () => {
    expect(oddities(['a', 'b'], [40, 60], [3, 7])).toEqual([]);
    // More digits than tell numbers apart.
    expect(oddities(['12345678901234567', '12345678901234568'], [40, 60])).toEqual([]);
    expect(oddities([], [])).toEqual([]);
  });
});

describe('a shift of classes', () => {
  const shares = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 2, maxLength: 30 });
  const uniform = fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }));

  /** Draws rows of classes with these shares. */
  function draw(weights: number[], rows: number, random: Iterator<number>): number[] {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const counts = weights.map(() => 0);
    for (let i = 0; i < rows; i++) {
      let at = (random.next().value as number) * total;
      counts[weights.findIndex((weight) => (at -= weight) < 0)]! += 1;
    }
    return counts;
  }

  it('is not seen in samples of one distribution, be they small or large', () => {
    const size = fc.integer({ min: 0, max: 400 });
    fc.assert(
      fc.property(shares, size, size, fc.noShrink(uniform), (weights, n, m, random) => {
        // Fast-check prefers the ends of a range, which no chance does.
        const even = (function* () {
          let state = 1 + Math.floor((random.next().value as number) * 2 ** 31);
          for (;;) yield (state = (state * 48271) % 2147483647) / 2147483647;
        })();
        expect(isShifted(draw(weights, n, even), draw(weights, m, even))).toBe(false);
      }),
      { numRuns: tries(150) },
    );
  });

  it('is seen where a class takes the place of another, and not where too little can be told', () => {
    expect(isShifted([500, 500], [80, 20])).toBe(true);
    expect(isShifted([500, 500], [8, 2])).toBe(false);
    expect(isShifted([5000, 5000, 5000], [0, 100, 100])).toBe(true);
    expect(isShifted([1_000_000, 1_000_000], [104_000, 96_000])).toBe(false);
    expect(isShifted([10, 0], [0, 0])).toBe(false);
  });
});

async function prepareTelling(config: Config) {
  const notices: string[] = [];
  const listen = (event: TrainEvent) => {
    if (event.type === 'notice') notices.push(event.message);
  };
  return { corpus: await prepareCorpus(config, listen), notices };
}

it('is told when a store is made, and again when it is used', async () => {
  const { path } = await scratch({
    'a.csv': `text,label\n${'one two,ham\nthree four,spam\n'.repeat(3)}five, ham\n`,
    'v.csv': 'text,label\none two,ham\nnew words,spam\n',
  });
  const data = { train: path('a.csv'), validation: path('v.csv'), storeDir: path('stores') };
  const config = parseConfig(JSON.stringify({ task: 'classify', workers: 1, data }), 'c.yaml');
  const prepare = async () => {
    const { corpus, notices } = await prepareTelling(config);
    await corpus.close();
    return notices;
  };
  const first = await prepare();
  expect(first).toEqual([
    'The classes " ham", "ham" differ in white space only, and are learned as 2 classes: write them alike if they are one.',
    'The class " ham" has a single row to train on.',
    '1 of 2 rows of data.validation (50.0 %) has the text of a training row: figures measured on it promise too much.',
  ]);
  expect(await prepare()).toEqual(first);
});

it('is told where JSON has labels with and without quotation marks, in whichever parts, and not where a table has them', async () => {
  const rows = (...labels: unknown[]) =>
    labels.map((label, i) => `${JSON.stringify({ text: `t${i}`, label })}\n`).join('');
  const place = await scratch({
    'a.jsonl': rows('1', '1', 'x', 'x', true, true),
    'b.jsonl': rows(1, 1, 'x', true),
    'c.csv': 'text,label\na,2\nb,2\n',
    'd.jsonl': rows(2, 2),
  });
  const told = async (text: string) => {
    const corpus = await prepareCorpus(parseConfig(text, 'x.yaml'), () => undefined);
    await corpus.close();
    return describeOddities(corpus.manifest).filter((each) => each.includes('JSON Lines'));
  };
  const data = `train: ${place.path('*.*')}, validation: 0, storeDir: ${place.path('stores')}`;
  expect(await told(`task: classify\ndata: { ${data} }\n`)).toEqual([
    'The class "1" stands in JSON Lines both in quotation marks and without, and is one class all the same.',
  ]);
  await writeFile(place.path('e.jsonl'), rows(['true', 1, 'y'], [' x', 7], [true, '1']));
  expect(await told(`task: multi-label\ndata: { ${data} }\n`)).toEqual([
    'The labels "1", "true" stand in JSON Lines both in quotation marks and without, and are one label each all the same.',
  ]);
});

it('is told of rows that are trained on also where splits are fractions of the same files', async () => {
  const rows = Array.from({ length: 400 }, (_, i) => `text ${i % 150},${i % 2 ? 'ham' : 'spam'}`);
  const { path } = await scratch({ 'a.csv': `text,label\n${rows.join('\n')}\n` });
  const data = { train: path('a.csv'), validation: 0.2, test: 0.1, storeDir: path('stores') };
  const config = parseConfig(JSON.stringify({ task: 'classify', workers: 1, data }), 'c.yaml');
  const { corpus, notices } = await prepareTelling(config);
  const textsOf = async (split: 'train' | 'validation' | 'test') => {
    const store = corpus[split]!;
    const places = await Promise.all(Array.from({ length: store.rows }, (_, i) => store.locate(i)));
    return places.map(({ row }) => rows[row - 1]!.split(',')[0]!);
  };
  const trained = new Set(await textsOf('train'));
  for (const split of ['validation', 'test'] as const) {
    const all = await textsOf(split);
    const shared = all.filter((text) => trained.has(text)).length;
    expect(shared).toBeGreaterThan(0);
    expect(corpus.manifest.sharedRows[split]).toBe(shared);
    expect(notices.join()).toContain(`${shared} of ${all.length} rows of data.${split} (`);
  }
  await corpus.close();
});

it('is refused where most texts are nothing, also on second sight, and leaves no store', async () => {
  const { path } = await scratch({ 'a.csv': 'text,label\none,a\ntwo,b\n,a\n,b\n!,a\n' });
  const prepare = async (maxEmptyShare: number) => {
    const data = { train: path('a.csv'), validation: 0, storeDir: path('stores'), maxEmptyShare };
    const config = parseConfig(JSON.stringify({ task: 'classify', workers: 1, data }), 'c.yaml');
    await (await prepareCorpus(config, () => undefined)).close();
  };
  const sentence =
    'data.train: 3 of 5 texts (60.0 %) have no token: expected at most 50.0 % (data.maxEmptyShare); is "text" the column that data.text should name?';
  await expect(prepare(0.5)).rejects.toThrow(sentence);
  const stores = (await readdir(path('stores'))).filter((name) => !name.startsWith('pieces'));
  expect(stores).toEqual([]);
  await prepare(0.6);
  await expect(prepare(0.5)).rejects.toThrow(sentence);
});
