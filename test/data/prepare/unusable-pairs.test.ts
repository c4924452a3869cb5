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
