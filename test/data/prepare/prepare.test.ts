import { appendFileSync, renameSync } from 'node:fs';
import { appendFile, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { prepareCorpus } from '../../../src/data/prepare/prepare.js';
import type { TokenStore } from '../../../src/data/store/token-store.js';
import { UserError } from '../../../src/errors.js';
import type { TrainEvent } from '../../../src/events.js';
import { type Scratch, useScratch } from '../scratch.js';
import {
  configureWhole,
  type Data,
  mails,
  readAll,
  texts,
  useWholePreparation,
} from './whole-corpora.js';

const scratch = useScratch();
const prepare = useWholePreparation();

async function refuse(
  files: Record<string, string>,
  data: (place: Scratch) => Data,
  task?: string,
): Promise<string> {
  const place = await scratch(files);
  const error: unknown = await prepare(place, data(place), task).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  const left = await readdir(place.path('stores')).catch(() => []);
  expect(left.filter((name) => name !== 'pieces')).toEqual([]);
  return (error as Error).message.replaceAll(`${place.dir}/`, '');
}

describe('preparing a corpus of rows', () => {
  it('stores the ids and labels of each split, classes sorted by name', async () => {
    const place = await scratch({
      'train.csv': 'text,label\nb a a,zoo\n"",Bar\na c,apple\n',
      'valid.jsonl': '{"text":"c new","label":"zoo"}\n',
    });
    const { corpus, events } = await prepare(place, {
      train: place.path('train.csv'),
      validation: [place.path('valid.jsonl')],
    });
    expect(corpus.classes).toEqual(['Bar', 'apple', 'zoo']);
    expect(await readAll(corpus.train)).toEqual([
      { label: 2, ids: [3, 2, 2] },
      { label: 0, ids: [1] },
      { label: 1, ids: [2, 4] },
    ]);
    expect(await readAll(corpus.validation!)).toEqual([{ label: 2, ids: [4, 1] }]);
    expect(corpus.test).toBeUndefined();
    expect(corpus.train.longestRow).toBe(3);
    expect(await corpus.validation!.locate(0)).toEqual({ source: 1, row: 1 });
    const phases = events.filter((event) => event.type === 'prepare').map(({ phase }) => phase);
    expect([...new Set(phases)]).toEqual(['survey', 'tokenize', 'vocabulary', 'write', 'done']);
    const done = events.findLast((event) => event.type === 'prepare');
    expect(done).toMatchObject({ rows: 4, tokens: 8, storeDir: corpus.storeDir });
  });

  it('takes the vocabulary from the training split alone', async () => {
    const words = Array.from({ length: 200 }, (_, i) => `word${i},${i % 2 ? 'x' : 'y'}\n`);
    const place = await scratch({ 'a.csv': `text,label\n${words.join('')}` });
    const { corpus } = await prepare(place, { train: place.path('a.csv'), validation: 0.5 });
    expect(corpus.tokenizer.vocabularySize).toBe(corpus.train.rows + 2);
    expect(new Set((await texts(corpus, corpus.validation)).map(([text]) => text))).toEqual(
      new Set(['<unk>']),
    );
  });

  it('never moves a row between splits when rows or files are appended', async () => {
    const numbered = (from: number, to: number): string =>
      Array.from({ length: to - from }, (_, i) => `n${from + i},${i % 2 ? 'x' : 'y'}\n`).join('');
    const place = await scratch({ 'b.csv': `text,label\n${numbered(0, 200)}` });
    const data = {
      train: place.path('*.csv*'),
      validation: 0.2,
      test: 0.2,
      tokenizer: { kind: 'char' },
    };
    const before = (await prepare(place, data)).corpus;
    await appendFile(place.path('b.csv'), numbered(200, 300));
    await writeFile(place.path('a.csv.gz'), gzipSync(`text,label\n${numbered(300, 400)}`));
    const after = (await prepare(place, data)).corpus;
    expect(after.fingerprint).not.toBe(before.fingerprint);
    for (const split of ['train', 'validation', 'test'] as const) {
      const rows = new Set((await texts(after, after[split])).map(([text]) => text));
      for (const [text] of await texts(before, before[split])) expect(rows).toContain(text);
    }
    const sizes = [after.train, after.validation!, after.test!].map(({ rows }) => rows);
    expect(sizes.reduce((a, b) => a + b)).toBe(400);
  });

  it('truncates long rows at the end asked for', async () => {
    const place = await scratch({ 'a.csv': 'text,label\na a a b c,x\na,y\n' });
    const data = { train: place.path('a.csv'), validation: 0, maxLength: 2 };
    const post = (await prepare(place, { ...data, truncate: 'post' })).corpus;
    const pre = (await prepare(place, { ...data, truncate: 'pre' })).corpus;
    expect((await texts(post, post.train))[0]).toEqual(['a a', 'x']);
    expect((await texts(pre, pre.train))[0]).toEqual(['b c', 'x']);
  });

  it('stores ids beyond 16 bits', async () => {
    const words = Array.from({ length: 70_000 }, (_, i) => `w${i}`).join(' ');
    const place = await scratch({ 'a.csv': `text,label\n${words},x\nw5 w69999,y\n` });
    const { corpus } = await prepare(place, {
      train: place.path('a.csv'),
      validation: 0,
      maxLength: 100_000,
      tokenizer: { kind: 'word', minCount: 1, vocabularySize: 1e6 },
    });
    const into = {
      tokens: new Int32Array(9),
      rowStart: new Int32Array(2),
      labels: new Int32Array(1),
    };
    await corpus.train.readRows([1], into);
    expect(corpus.tokenizer.decode(into.tokens.subarray(0, 2))).toBe('w5 w69999');
  });
});

describe('preparing a corpus of text', () => {
  it('stores the whole of each file, its last part held out', async () => {
    const place = await scratch({ 'a.txt': 'abcd\nfghi😀', 'b.txt': '0123456789' });
    const { corpus } = await prepare(
      place,
      { train: place.path('*.txt'), validation: 0.2, test: 0.1, tokenizer: { kind: 'char' } },
      'language-model',
    );
    const read = async (store: TokenStore | undefined) => {
      const tokens = new Int32Array(store!.tokens);
      await store!.readTokens(0, tokens.length, tokens, 0);
      return corpus.tokenizer.decode(tokens);
    };
    expect(await read(corpus.train)).toBe('abcd\nfg0123456');
    expect(await readAll(corpus.validation!)).toHaveLength(2);
    expect(corpus.validation!.tokens).toBe(4);
    expect(corpus.test!.tokens).toBe(2);
  });

  it('gives the same words however long the file is', async () => {
    const line = 'The quick brown fox; naïve 猫\tjumps. ';
    const place = await scratch({ 'a.txt': line.repeat(20_000) });
    const { corpus } = await prepare(
      place,
      { train: place.path('a.txt'), validation: 0 },
      'language-model',
    );
    expect(corpus.train.tokens).toBe(7 * 20_000);
    expect(corpus.tokenizer.vocabularySize).toBe(9);
  });

  it('takes the texts of rows one after the other', async () => {
    const place = await scratch({ 'a.jsonl': '{"text":"one"}\n{"text":"two"}\n' });
    const { corpus } = await prepare(
      place,
      { train: place.path('a.jsonl'), validation: 0, tokenizer: { kind: 'byte' } },
      'language-model',
    );
    expect(await texts(corpus, corpus.train)).toEqual([['one\ntwo\n', undefined]]);
  });
});

describe('a corpus that cannot be used', () => {
  const one = (name: string) => (place: Scratch) => ({ train: place.path(name), validation: 0 });

  it('is refused when it is empty', async () => {
    expect(await refuse({ 'a.csv': 'text,label\n' }, one('a.csv'))).toMatch(/the corpus is empty/);
    expect(await refuse({ 'a.csv': '' }, one('a.csv'))).toMatch(/the corpus is empty/);
    expect(await refuse({ 'a.txt': '' }, one('a.txt'), 'language-model')).toBe(
      'data.train has no text: the files are empty.',
    );
  });

  it('is refused when it has one class, or nothing left to train on', async () => {
    expect(await refuse({ 'a.csv': 'text,label\na,x\nb,x\n' }, one('a.csv'))).toMatch(
      /one class only, "x"/,
    );
    const greedy = (place: Scratch) => ({ train: place.path('a.csv'), validation: 0.5, test: 0.5 });
    expect(await refuse({ 'a.csv': mails }, greedy)).toMatch(/leave nothing to train on/);
  });

  it('is refused when held-out rows have a class that training rows have not', async () => {
    const files = { 'a.csv': 'text,label\na,x\nb,y\n', 'b.csv': 'text,label\na,x\n"b\n",z\n' };
    const data = ({ path }: Scratch) => ({ train: path('a.csv'), validation: [path('b.csv')] });
    expect(await refuse(files, data)).toBe(
      'b.csv, line 3: the class "z" has no row in the training split, which has "x", "y": ' +
        'add rows of that class, or change data.validation (a fraction draws rows out of data.train by chance)',
    );
  });

  it('is refused when held-out files are empty or plain text', async () => {
    const empty = { 'a.csv': mails, 'b.csv': 'text,label\n' };
    const held = (name: string) => (place: Scratch) => ({
      train: place.path('a.csv'),
      test: [place.path(name)],
    });
    expect(await refuse(empty, held('b.csv'))).toBe('data.test has no text: the files are empty.');
    const plain = { 'a.csv': mails, 'b.txt': 'x' };
    expect(await refuse(plain, held('b.txt'))).toMatch(/^data.test: b.txt is plain text/);
  });

  it('is refused when a file changes while it is read', async () => {
    const place = await scratch({ 'a.csv': mails });
    const config = configureWhole(place, 'classify', { train: place.path('a.csv') });
    const grow = (event: TrainEvent): void => {
      if (event.type === 'prepare' && event.phase === 'tokenize') {
        appendFileSync(place.path('a.csv'), 'more,ham\n');
      }
    };
    await expect(prepareCorpus(config, grow)).rejects.toThrow(/a.csv changed while it was read/);
  });

  it.each(['survey', 'tokenize', 'vocabulary', 'write'])(
    'is refused when a file is replaced by one of the same size and time while it is prepared (%s)',
    async (phase) => {
      const place = await scratch({ 'a.csv': mails, 'new.csv': mails.replaceAll('ham', 'sap') });
      const config = configureWhole(place, 'classify', { train: place.path('a.csv') });
      for (const name of ['a.csv', 'new.csv']) await utimes(place.path(name), 1, 1);
      let replaced = false;
      const replace = (event: TrainEvent): void => {
        if (replaced || event.type !== 'prepare' || event.phase !== phase) return;
        renameSync(place.path('new.csv'), place.path('a.csv'));
        replaced = true;
      };
      await expect(prepareCorpus(config, replace)).rejects.toThrow(
        `${place.path('a.csv')} changed while it was read: start again when it is complete.`,
      );
      // What was cut of the former file may be kept, once all of it was.
      const left = await readdir(place.dir, { recursive: true });
      const isWhole = phase === 'vocabulary' || phase === 'write';
      expect(left.filter((name) => /^stores.[^/\\]+$/.test(name))).toEqual(
        isWhole ? [join('stores', 'pieces')] : [],
      );
    },
  );

  it.each([
    ['word', undefined],
    ['byte', undefined],
    ['char', 'utf-16le'],
  ])(
    'tells of texts of a language model whose lines end in carriage returns alone (%s)',
    async (kind, encoding) => {
      const text = 'one two\rthree one\rtwo two\r';
      const bytes = (content: string): Buffer =>
        encoding ? Buffer.from(content, 'utf16le') : Buffer.from(content);
      const place = await scratch({
        'old.txt': bytes(text),
        'new.txt': bytes(text.replaceAll('\r', '\r\n')),
        'packed.txt.gz': gzipSync(bytes(text)),
        'one.txt': bytes('one two three\r'),
        'some.txt': bytes('one two\r\none\nthree one\rtwo\rtwo\r\n'),
      });
      const tokenizer = kind === 'word' ? { kind, minCount: 1 } : { kind };
      const data = { train: place.path('*.txt*'), validation: 0, tokenizer, encoding };
      const { events } = await prepare(place, data, 'language-model');
      const told = events.flatMap((event) => (event.type === 'notice' ? [event.message] : []));
      const sentence = (name: string): string =>
        `${place.path(name)}: its lines end in carriage returns alone, so that it is read as one line: end them in line feeds if they are meant to be lines.`;
      expect(told).toEqual([
        sentence('old.txt'),
        sentence('packed.txt.gz'),
        `${place.path('some.txt')}: some of its lines end in carriage returns alone, the first in line 3, so that each is read as one line with the next: end them in line feeds if they are meant to be lines.`,
      ]);
    },
  );

  it('is accepted with a notice when a fraction takes no row', async () => {
    const place = await scratch({ 'a.csv': 'text,label\na,x\nb,y\n' });
    const { corpus, events } = await prepare(place, {
      train: place.path('a.csv'),
      validation: 0.0001,
    });
    expect(corpus.validation).toBeUndefined();
    expect(events.at(-1)).toMatchObject({ type: 'notice' });
  });
});
