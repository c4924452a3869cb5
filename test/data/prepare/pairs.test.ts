import { readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createHostBatch } from '../../../src/compute/batch-feed.js';
import { type BatchSource, createBatches } from '../../../src/data/batches/batches.js';
import { readAhead } from '../../../src/data/batches/read-ahead.js';
import { prepareHeldOut } from '../../../src/data/prepare/held-out.js';
import { boundaryOf } from '../../../src/tasks/boundary.js';
import { useScratch } from '../scratch.js';
import { configure, configureIn, expectSameBytes, usePreparation } from './corpora.js';
import { linesOf, makePairs, pairFiles, pairOf, readPairs, word } from './made-pairs.js';

const scratch = useScratch();
const prepare = usePreparation();

const first = makePairs(150);
const second = makePairs(40, 2);

describe('a store of pairs', () => {
  test('holds both sides of every line of every two files, in order', async () => {
    const place = await scratch({ ...pairFiles('a', first), ...pairFiles('b', second) });
    const train = { source: place.path('*.de'), target: place.path('*.en') };
    const data = { train, validation: 0, tokenizer: word };
    const { corpus } = await prepare(configureIn(place, 'translate', data));
    expect(await readPairs(corpus, corpus.train)).toEqual([...first, ...second]);
    expect(corpus.manifest.sources.map(({ path, target }) => [path, target])).toEqual([
      [place.path('a.de'), place.path('a.en')],
      [place.path('b.de'), place.path('b.en')],
    ]);
  });

  test('holds every translation of a text that has several, and all of them in one split', async () => {
    const others = first.map(([source, target]): [string, string] => [source, `again ${target}`]);
    const place = await scratch({ ...pairFiles('a', first), ...pairFiles('b', others) });
    const train = [
      pairOf(place, 'a'),
      { source: place.path('a.de'), target: place.path('b.en'), weight: 2 },
    ];
    const data = { train, validation: 0, tokenizer: word };
    const { corpus } = await prepare(configureIn(place, 'translate', data));
    expect(await readPairs(corpus, corpus.train)).toEqual([...first, ...others]);
    const dealt = configureIn(place, 'translate', { ...data, validation: 0.3 });
    const { corpus: parts } = await prepare(dealt);
    const held = await readPairs(parts, parts.validation!);
    expect(held.length % 2).toBe(0);
    const half = held.length / 2;
    expect(held.slice(half).map(([source]) => source)).toEqual(
      held.slice(0, half).map(([source]) => source),
    );
  });

  test.each([
    ['a source', 'aba', 'xxz', ['ax', 'bx', 'az']],
    ['the same source for several targets', 'aa', 'xz', ['ax', 'az']],
    ['a whole pair', 'aab', 'xxz', ['ax', 'bz']],
  ])('names %s again in a list without moving those behind it', async (_, de, en, expected) => {
    const place = await scratch(
      Object.fromEntries(
        Array.from('abxz', (name) => [name, linesOf(Array.from('123', (i) => `${name}${i}`))]),
      ),
    );
    const named = (names: string): string[] => Array.from(names, (name) => place.path(name));
    const train = { source: named(de), target: named(en) };
    const { corpus, events } = await prepare(
      configureIn(place, 'translate', { train, validation: 0, tokenizer: word }),
    );
    const pairs = await readPairs(corpus, corpus.train);
    expect(pairs).toEqual(
      expected.flatMap((pair) => Array.from('123', (i) => [`${pair[0]}${i}`, `${pair[1]}${i}`])),
    );
    const told = events.flatMap((event) => (event.type === 'notice' ? [event.message] : []));
    expect(told.join().includes('more than once')).toBe(expected.length < de.length);
  });

  test('tells of a file that is both sides', async () => {
    const place = await scratch({ 'a.de': 'eins\nzwei\n' });
    const train = { source: place.path('a.de'), target: place.path('./a.de') };
    const { events } = await prepare(
      configureIn(place, 'translate', { train, validation: 0, tokenizer: word }),
    );
    const told = events.flatMap((event) => (event.type === 'notice' ? [event.message] : []));
    expect(told).toContain(
      `data.train names ${JSON.stringify(place.path('a.de'))} as source and as target: every line is its own translation.`,
    );
  });

  test('has the same bytes for 1 and 4 workers, and however two files are divided into parts', async () => {
    const place = await scratch(pairFiles('a', first));
    const train = pairOf(place, 'a');
    await expectSameBytes(prepare, place, (storeDir, workers) =>
      configure('translate', { train, test: 0.2, tokenizer: word, storeDir }, workers),
    );
  });

  test('gives either side a vocabulary of its own, another kind of tokenizer, or both one', async () => {
    const place = await scratch(
      pairFiles('a', [
        ['ein Hund', 'a dog'],
        ['ein Tag', 'a day'],
      ]),
    );
    const vocabularies = async (data: object) => {
      const given = { train: pairOf(place, 'a'), validation: 0, ...data };
      const { corpus } = await prepare(configureIn(place, 'translate', given));
      const { tokenizer, sourceTokenizer } = corpus.manifest;
      expect(await readPairs(corpus, corpus.train)).toEqual([
        ['ein Hund', 'a dog'],
        ['ein Tag', 'a day'],
      ]);
      return [sourceTokenizer, tokenizer].map((json) =>
        json?.kind === 'word' ? json.words : json?.kind,
      );
    };
    expect(await vocabularies({ tokenizer: word })).toEqual([
      ['<unk>', 'ein', 'Hund', 'Tag'],
      ['<unk>', 'a', 'dog', 'day'],
    ]);
    // The more frequent first; of equals those of the targets, and as they stand there.
    expect(await vocabularies({ tokenizer: word, sharedVocabulary: true })).toEqual([
      undefined,
      ['<unk>', 'a', 'ein', 'dog', 'day', 'Hund', 'Tag'],
    ]);
    const others = { tokenizer: { kind: 'bpe', vocabularySize: 260 } };
    expect(await vocabularies({ ...others, sourceTokenizer: { kind: 'byte' } })).toEqual([
      'byte',
      'bpe',
    ]);
    expect(await vocabularies({ ...others, sharedVocabulary: true })).toEqual([undefined, 'bpe']);
    expect(await vocabularies(others)).toEqual(['bpe', 'bpe']);
    expect(await vocabularies({ tokenizer: { kind: 'char' }, sourceTokenizer: word })).toEqual([
      ['<unk>', 'ein', 'Hund', 'Tag'],
      'char',
    ]);
  });

  test('leaves long and uneven pairs out of training, tells how many, and truncates them elsewhere', async () => {
    const pairs: [string, string][] = [
      ['a b', 'c d'],
      ['a b c d', 'c d'],
      ['a', 'b c d e'],
      ['a b', 'c'],
      ['a', 'b c d'],
    ];
    const place = await scratch({
      ...pairFiles('a', pairs),
      ...pairFiles('b', [['b b a', 'd c d d d']]),
    });
    const data = {
      ...{ train: pairOf(place, 'a'), validation: pairOf(place, 'b'), tokenizer: word },
      ...{ maxLength: 3, maxSourceLength: 2, maxRatio: 2 },
    };
    const { corpus, events } = await prepare(configureIn(place, 'translate', data));
    expect(await readPairs(corpus, corpus.train)).toEqual([pairs[0], pairs[3]]);
    expect(await readPairs(corpus, corpus.validation!)).toEqual([['b b', 'd c d']]);
    expect(corpus.manifest.statistics.train.leftOut).toEqual({ empty: 0, long: 2, uneven: 1 });
    expect(corpus.manifest.statistics.validation!.truncatedRows).toBe(1);
    const told = events.map((event) => (event.type === 'notice' ? event.message : ''));
    expect(told).toContain(
      '3 of 5 pairs to train on are left out: 2 longer than data.maxLength or data.maxSourceLength, 1 of sides of too different lengths (data.maxRatio).',
    );
    // What is not trained on gives no words.
    const words = JSON.stringify(corpus.manifest.tokenizer);
    expect(words).toContain('"d"');
    expect(words).not.toContain('"e"');
  });

  test('counts a held-out pair whose source is trained on, whatever its target', async () => {
    const place = await scratch({
      ...pairFiles('a', [
        ['a b', 'c'],
        ['b', 'd'],
        ['e', 'f'],
      ]),
      ...pairFiles('b', [
        ['b', 'x'],
        ['q', 'c'],
      ]),
    });
    const data = { train: pairOf(place, 'a'), validation: pairOf(place, 'b'), tokenizer: word };
    const { corpus } = await prepare(configureIn(place, 'translate', data));
    expect(corpus.manifest.sharedRows).toEqual({ validation: 1, test: 0 });
    expect(corpus.manifest.duplicateRows).toBe(1);
  });

  test('counts no held-out pair whose source only such pairs have that are left out of training', async () => {
    const long = 'x '.repeat(30).trim();
    const place = await scratch({
      ...pairFiles('a', [
        ['left out', long],
        ['both', 'x'],
        ['both', long],
      ]),
      ...pairFiles('b', [
        ['left out', 'x'],
        ['both', 'x'],
      ]),
    });
    const data = { train: pairOf(place, 'a'), validation: pairOf(place, 'b'), tokenizer: word };
    const { corpus } = await prepare(configureIn(place, 'translate', { ...data, maxLength: 10 }));
    expect(corpus.manifest.sharedRows).toEqual({ validation: 1, test: 0 });
    expect(corpus.manifest.duplicateRows).toBe(1);
  });

  test('is found again by the content of both files, and made anew when the second one changes', async () => {
    const place = await scratch(pairFiles('a', first));
    const config = configureIn(place, 'translate', {
      ...{ train: pairOf(place, 'a'), validation: 0, tokenizer: word },
    });
    const phaseOf = async (): Promise<unknown> => {
      const { events } = await prepare(config);
      return events.flatMap((event) => (event.type === 'prepare' ? [event.phase] : [])).at(-1);
    };
    expect(await phaseOf()).toBe('done');
    expect(await phaseOf()).toBe('reused');
    await utimes(place.path('a.en'), 1, 1);
    expect(await phaseOf()).toBe('reused');
    const content = await readFile(place.path('a.en'), 'utf8');
    const { size } = await stat(place.path('a.en'));
    await writeFile(place.path('a.en'), `W${content.slice(1)}`);
    expect((await stat(place.path('a.en'))).size).toBe(size);
    expect(await phaseOf()).toBe('done');
  });

  test('is found again after a touch, whatever bytes the encoding that is told has', async () => {
    const place = await scratch({
      // The letter's bytes are a line feed and a one.
      'a.de': Buffer.from('\u010Aas\nzwei\n', 'utf16le'),
      'a.en': Buffer.from('time\ntwo\n', 'utf16le'),
    });
    const config = configureIn(place, 'translate', {
      ...{ train: pairOf(place, 'a'), validation: 0, tokenizer: word, encoding: 'utf-16le' },
    });
    await prepare(config);
    await utimes(place.path('a.en'), 1, 1);
    const { events } = await prepare(config);
    expect(events).toContainEqual(expect.objectContaining({ phase: 'reused' }));
  });

  test('gives batches of both sides, read ahead as read at once', async () => {
    const place = await scratch(pairFiles('a', first));
    const data = { train: pairOf(place, 'a'), validation: 0, tokenizer: word };
    const { corpus } = await prepare(configureIn(place, 'translate', data));
    const options = {
      ...{ rows: 'pairs' as const, boundary: boundaryOf(corpus.tokenizer), batchSize: 9, seed: 2 },
      ...{ shuffle: true, bucketBatches: 3, batchTokens: 60 },
    };
    const [direct, ahead] = [
      createBatches(corpus.train, options),
      readAhead(corpus.train, options),
    ];
    expect(ahead.source).toEqual(direct.source);
    const read = async (source: BatchSource, step: number) => {
      const batch = createHostBatch(source);
      await source.read(step, batch);
      const { rows, rowStart, tokens, targets } = batch;
      const { rowStart: starts, tokens: ids } = batch.source!;
      return [
        ...[rowStart.slice(0, rows + 1), tokens.slice(0, rowStart[rows])],
        ...[
          targets.slice(0, rowStart[rows]),
          starts.slice(0, rows + 1),
          ids.slice(0, starts[rows]),
        ],
      ];
    };
    for (const step of [0, 1, 2, 3, 40, 41, 7]) {
      const batch = await read(ahead, step);
      expect(batch).toEqual(await read(direct, step));
      expect(batch.every(({ length }) => length > 1)).toBe(true);
    }
  });

  test('refuses bytes of the sources that have been changed on the disk', async () => {
    const place = await scratch(pairFiles('a', first));
    const data = { train: pairOf(place, 'a'), validation: 0, tokenizer: word };
    const { corpus } = await prepare(configureIn(place, 'translate', data));
    const file = join(corpus.storeDir, 'train.source');
    const bytes = await readFile(file);
    bytes[bytes.length >> 1]! ^= 4;
    await writeFile(file, bytes);
    await expect(readPairs(corpus, corpus.train)).rejects.toThrow(/train\.source is damaged/);
  });

  test('is what a held-out pair of files gives, for a vocabulary that is known', async () => {
    const place = await scratch({ ...pairFiles('a', first), ...pairFiles('b', second) });
    const data = { train: pairOf(place, 'a'), validation: pairOf(place, 'b'), tokenizer: word };
    const config = configureIn(place, 'translate', { ...data, maxLength: 5, maxRatio: 1 });
    const { corpus } = await prepare(config);
    const files = { source: [place.path('b.de')], target: [place.path('b.en')] };
    const heldOut = await prepareHeldOut({ ...corpus, config }, files, '--data', () => undefined);
    try {
      const expected = await readPairs(corpus, corpus.validation!);
      expect(expected).toHaveLength(second.length);
      expect(await readPairs(corpus, heldOut.store)).toEqual(expected);
    } finally {
      await heldOut.close();
    }
  });
});
