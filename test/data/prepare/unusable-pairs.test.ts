import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UserError } from '../../../src/errors.js';
import { type Scratch, useScratch } from '../scratch.js';
import { configureIn, usePreparation } from './corpora.js';
import { linesOf, makePairs, pairFiles, pairOf, readPairs, word } from './made-pairs.js';

const scratch = useScratch();
const prepare = usePreparation();

const first = makePairs(150);

async function refusalOf(
  files: Record<string, string | Uint8Array>,
  data: (place: Scratch) => Record<string, unknown>,
): Promise<{ message: string; place: Scratch }> {
  const place = await scratch(files);
  const config = configureIn(place, 'translate', {
    validation: 0,
    tokenizer: word,
    ...data(place),
  });
  const error = await prepare(config).then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(UserError);
  return { message: (error as UserError).message.replaceAll(`${place.dir}/`, ''), place };
}

describe('pairs that cannot be used', () => {
  const files = { 'a.de': 'eins\nzwei\ndrei\n', 'a.en': 'one\ntwo\nthree\n' };

  test('are refused with the place in their own file, and files of other numbers of lines before any is cut', async () => {
    const train = (place: Scratch) => ({ train: pairOf(place, 'a') });
    const more = linesOf(first.map(([, target]) => target));
    const blank = { ...pairFiles('a', first), 'a.en': more.replace(/(?<=\n).*\n$/, '\n') };
    expect((await refusalOf(blank, train)).message).toBe(
      `a.en, line ${first.length}: expected a text, because the line of the other file has one to go with it, found an empty line.`,
    );
    expect((await refusalOf({ ...files, 'a.en': 'one\ntwo' }, train)).message).toBe(
      'a.de has 3 lines and a.en has 2: line 3 of a.de belongs to none; expected as many lines in both.',
    );
  });

  describe('of which the vocabulary knows no word of a side, where unknown words are dropped', () => {
    const strict = { ...word, minCount: 2, outOfVocabulary: null };
    const pairs = [
      ['eins zwei', 'one two'],
      ['zwei selten', 'two'],
      ['selten1 selten2', 'one'],
      ['eins', 'Rare'],
      ['eins', 'one two'],
    ] as const;
    const trainOn = (place: Scratch) => ({ train: pairOf(place, 'a'), tokenizer: strict });

    test('are left out of training, and told', async () => {
      const place = await scratch(pairFiles('a', pairs));
      const config = configureIn(place, 'translate', { validation: 0, ...trainOn(place) });
      const { corpus, events } = await prepare(config);
      expect(await readPairs(corpus, corpus.train)).toEqual([
        ['eins zwei', 'one two'],
        ['zwei', 'two'],
        ['eins', 'one two'],
      ]);
      const { leftOut, emptyRows } = corpus.manifest.statistics.train;
      expect([leftOut, emptyRows]).toEqual([{ empty: 2, long: 0, uneven: 0 }, 0]);
      const told = events.map((event) => (event.type === 'notice' ? event.message : ''));
      expect(told).toContain(
        '2 of 5 pairs to train on are left out: 2 with a side that has no token of the vocabulary.',
      );
    });

    test('are refused where they are more than data.maxEmptyShare allows, or all', async () => {
      const some = await refusalOf(pairFiles('a', pairs), (place) => ({
        ...trainOn(place),
        maxEmptyShare: 0.2,
      }));
      expect(some.message).toBe(
        'data.train: 2 of 5 pairs (40.0 %) have a side that has no token of the vocabulary: expected at most 20.0 % (data.maxEmptyShare)',
      );
      const none = await refusalOf(pairFiles('a', [['a b', 'c'], ['a b', 'd']]), trainOn); // prettier-ignore
      expect(none.message).toBe(
        'data.train: expected pairs whose sides both have tokens of the vocabulary, found none: is minCount of a tokenizer too large for so little text?',
      );
    });

    test('are left out, and told, where they are measured alone; all of a file are refused', async () => {
      const place = await scratch({
        ...pairFiles('a', pairs),
        ...pairFiles('b', [['eins neu', 'one'], ['neu', 'two'], ['zwei', 'two new']]),
        ...pairFiles('c', [['neu', 'new']]),
      }); // prettier-ignore
      const data = { ...trainOn(place), validation: pairOf(place, 'b') };
      const { corpus, events } = await prepare(configureIn(place, 'translate', data));
      expect(await readPairs(corpus, corpus.validation!)).toEqual([
        ['eins', 'one'],
        ['zwei', 'two'],
      ]);
      expect(corpus.manifest.statistics.validation!.leftOut!.empty).toBe(1);
      const told = events.map((event) => (event.type === 'notice' ? event.message : ''));
      expect(told).toContain(
        '1 of 3 pairs of data.validation is left out: 1 with a side that has no token of the vocabulary.',
      );
      const none = prepare(
        configureIn(place, 'translate', { ...data, validation: pairOf(place, 'c') }),
      );
      await expect(none).rejects.toThrow(
        'data.validation: expected pairs whose sides both have tokens of the vocabulary, found none',
      );
    });
  });

  test('are left out with their true places, where bad rows are', async () => {
    const place = await scratch({
      ...pairFiles('a', first),
      'b.de': 'eins\n\ndrei\nvier\n',
      'b.en': Buffer.from('one\ntwo\n\xff\nfour\n', 'latin1'),
    });
    const train = { source: place.path('*.de'), target: place.path('*.en') };
    const data = { train, validation: 0, tokenizer: word, onBadRow: 'quarantine' };
    const { corpus } = await prepare(configureIn(place, 'translate', data));
    expect((await readPairs(corpus, corpus.train)).slice(first.length)).toEqual([
      ['eins', 'one'],
      ['vier', 'four'],
    ]);
    const kept = await readFile(join(corpus.storeDir, 'quarantine.jsonl'), 'utf8');
    const places = kept
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { source: string; line: number; row: number });
    expect(places.map(({ source, line, row }) => [source, line, row])).toEqual([
      [place.path('b.de'), 2, 2],
      [place.path('b.en'), 3, 3],
    ]);
  });

  test('are refused where files come in other numbers, for two splits, or as one text', async () => {
    const two = { ...files, 'b.de': 'vier\n' };
    const globs = ({ path }: Scratch) => ({
      train: { source: path('*.de'), target: path('*.en') },
    });
    expect((await refusalOf(two, globs)).message).toBe(
      'data.train: expected as many files on both sides, got 2 files as source and 1 as target.',
    );
    const shared = (place: Scratch) => ({
      train: pairOf(place, 'a'),
      test: { source: place.path('b.de'), target: place.path('a.en') },
    });
    expect((await refusalOf(two, shared)).message).toBe(
      'data.test: "a.en" is in both data.train and data.test: expected every file in one split only.',
    );
    const alone = ({ path }: Scratch) => ({ train: path('a.txt') });
    expect((await refusalOf({ 'a.txt': 'eins\n' }, alone)).message).toMatch(
      /^data\.train: a\.txt is plain text, which has no translations: task translate expects .*\{ source, target \}\.$/,
    );
    const none = (place: Scratch) => ({ train: pairOf(place, 'a'), maxLength: 1 });
    const long = { 'a.de': 'ein Satz\n', 'a.en': 'one sentence\n' };
    expect((await refusalOf(long, none)).message).toMatch(
      /^data\.train has 1 pair, and none is left to train on/,
    );
  });
});
