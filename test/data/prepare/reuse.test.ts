import { mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openWorkplace } from '../../../src/data/prepare/workplace.js';
import { writeSealed } from '../../../src/data/store/sealed-json.js';
import { useScratch } from '../scratch.js';
import { digest } from './corpora.js';
import { mails, texts, useWholePreparation } from './whole-corpora.js';

const scratch = useScratch();
const prepare = useWholePreparation();

describe('the token store', () => {
  it('is used again while sources and options stay the same', async () => {
    const place = await scratch({ 'a.csv': mails });
    const data = { train: place.path('a.csv') };
    const first = await prepare(place, data);
    expect(first.phase).toBe('done');
    const again = await prepare(place, data);
    expect(again.phase).toBe('reused');
    expect(again.corpus.fingerprint).toBe(first.corpus.fingerprint);
    expect(again.events.map(({ type }) => type)).toEqual(['prepare', 'notice']);
    await utimes(place.path('a.csv'), 1, 1);
    expect((await prepare(place, data)).phase).toBe('reused');
    const other = await prepare(place, { ...data, maxLength: 1 });
    expect(other.phase).toBe('done');
    expect(other.corpus.storeDir).not.toBe(first.corpus.storeDir);
    await writeFile(place.path('a.csv'), mails.replace('mail 7', 'post 7'));
    const changed = await prepare(place, data);
    expect(changed.phase).toBe('done');
    expect(changed.corpus.storeDir).toBe(first.corpus.storeDir);
    expect(changed.corpus.fingerprint).not.toBe(first.corpus.fingerprint);
    // What was open goes on reading what it opened.
    expect((await texts(first.corpus, first.corpus.train)).flat()).not.toContain('post 7');
  });

  it('is made anew for another content of the same size and time', async () => {
    const place = await scratch({ 'a.csv': mails });
    await utimes(place.path('a.csv'), 1, 1);
    const data = { train: place.path('a.csv') };
    const first = await prepare(place, data);
    await writeFile(place.path('a.csv'), mails.replaceAll('ham', 'sap'));
    await utimes(place.path('a.csv'), 1, 1);
    const { corpus, phase } = await prepare(place, data);
    expect(phase).toBe('done');
    expect(corpus.classes).toEqual(['sap', 'spam']);
    expect(corpus.fingerprint).not.toBe(first.corpus.fingerprint);
  });

  it('has the same bytes when it is made again', async () => {
    const place = await scratch({ 'a.csv': mails });
    const data = { train: place.path('a.csv') };
    const first = (await prepare(place, data)).corpus;
    const bytes = await digest(first.storeDir);
    await rm(first.storeDir, { recursive: true });
    const second = (await prepare(place, data)).corpus;
    expect(await digest(second.storeDir)).toBe(bytes);
  });

  it('is made anew where it is of a time before tags were held against their scheme', async () => {
    const place = await scratch({ 'a.conll': 'oslo I-X\nbay B-X\n\nto O\n' });
    const data = { train: place.path('a.conll'), validation: 0, format: 'conll' };
    const { corpus } = await prepare(place, data, 'tag');
    const { scheme, ...train } = corpus.manifest.statistics.train;
    expect(scheme).toEqual({ entities: 2, broken: 1 });
    const path = join(corpus.storeDir, 'manifest.json');
    await writeSealed(path, { ...corpus.manifest, statistics: { train } });
    const again = await prepare(place, data, 'tag');
    expect(again.phase).toBe('done');
    expect(again.corpus.manifest).toEqual(corpus.manifest);
    expect((await prepare(place, data, 'tag')).phase).toBe('reused');
  });

  it('is made anew where it is of a time before labels were counted that JSON writes in two ways', async () => {
    const place = await scratch({
      'a.jsonl': '{"text":"a","label":1}\n{"text":"b","label":"1"}\n{"text":"c","label":2}\n',
    });
    const data = { train: place.path('a.jsonl'), validation: 0 };
    const { corpus } = await prepare(place, data);
    const { mixedClasses, ...former } = corpus.manifest;
    expect(mixedClasses).toEqual(['1']);
    await writeSealed(join(corpus.storeDir, 'manifest.json'), former);
    const again = await prepare(place, data);
    expect(again.phase).toBe('done');
    expect(again.corpus.manifest).toEqual(corpus.manifest);
    expect((await prepare(place, data)).phase).toBe('reused');
  });

  it('is made anew where weights ask for the tokens of each source of pairs, and it is of a time before they were counted', async () => {
    const place = await scratch({
      ...{ 'a.de': 'eins zwei drei\nvier\n', 'a.en': 'one two\nfour\n' },
      ...{ 'b.de': 'fünf sechs\n', 'b.en': 'five six\n' },
    });
    const pair = (name: string, weight: number) => ({
      ...{ source: place.path(`${name}.de`), target: place.path(`${name}.en`), weight },
    });
    const data = { train: [pair('a', 1), pair('b', 3)], validation: 0 };
    const { corpus } = await prepare(place, data, 'translate');
    const { train } = corpus.manifest.splits;
    expect(corpus.trainSources).toEqual([
      { rows: 2, tokens: 3, sourceTokens: 4, weight: 1 },
      { rows: 1, tokens: 2, sourceTokens: 2, weight: 3 },
    ]);
    const sources = train.sources.map(({ source, rows, tokens }) => ({ source, rows, tokens }));
    const former = { ...corpus.manifest, splits: { train: { ...train, sources } } };
    await writeSealed(join(corpus.storeDir, 'manifest.json'), former);
    const even = { ...data, train: [pair('a', 1), pair('b', 1)] };
    expect((await prepare(place, even, 'translate')).phase).toBe('reused');
    const again = await prepare(place, data, 'translate');
    expect(again.phase).toBe('done');
    expect(again.corpus.manifest).toEqual(corpus.manifest);
    expect((await prepare(place, data, 'translate')).phase).toBe('reused');
  });

  it('is made anew where it is of a time before pairs without a token were left out of validation, for the same runs', async () => {
    const place = await scratch({
      ...{ 'a.de': 'eins zwei\neins\n', 'a.en': 'one two\none\n' },
      ...{ 'b.de': 'eins\nneu\n', 'b.en': 'one\nnew\n' },
    });
    const pair = (name: string) => ({
      ...{ source: place.path(`${name}.de`), target: place.path(`${name}.en`) },
    });
    const tokenizer = { kind: 'word', outOfVocabulary: null };
    const data = { train: pair('a'), validation: pair('b'), tokenizer };
    const { corpus } = await prepare(place, data, 'translate');
    const { train, validation } = corpus.manifest.statistics;
    expect(validation!.leftOut).toEqual({ empty: 1, long: 0, uneven: 0 });
    const former = { train, validation: { ...validation, emptyRows: 1 } };
    const path = join(corpus.storeDir, 'manifest.json');
    await writeSealed(path, { ...corpus.manifest, statistics: former });
    const again = await prepare(place, data, 'translate');
    expect([again.phase, again.corpus.fingerprint]).toEqual(['done', corpus.fingerprint]);
    expect(again.corpus.manifest).toEqual(corpus.manifest);
  });

  it('is made anew when it is damaged, and says so', async () => {
    const place = await scratch({ 'a.csv': mails });
    const data = { train: place.path('a.csv') };
    const { corpus } = await prepare(place, data);
    for (const name of ['train.tokens', 'validation.rows', 'manifest.json']) {
      await writeFile(join(corpus.storeDir, name), 'x');
      const { events, phase } = await prepare(place, data);
      expect(phase).toBe('done');
      expect(events[0]).toMatchObject({ type: 'notice' });
    }
    await rm(join(corpus.storeDir, 'train.rows'));
    expect((await prepare(place, data)).phase).toBe('done');
  });

  it('clears away what a killed process left, and nothing of a running one', async () => {
    const place = await scratch({ 'a.csv': mails });
    const data = { train: place.path('a.csv') };
    const key = (await prepare(place, data)).corpus.storeDir;
    await rm(key, { recursive: true });
    const running = await openWorkplace(place.path('stores'), 'x');
    const holder = await readFile(join(running.dir, 'holder'), 'utf8');
    const leave = async (name: string, change: Record<string, unknown>): Promise<string> => {
      await mkdir(place.path(`stores/${name}`));
      const path = place.path(`stores/${name}/holder`);
      await writeFile(path, JSON.stringify({ ...(JSON.parse(holder) as object), ...change }));
      return path;
    };
    const store = '0123456789abcdef-01234567';
    await leave(`${store}.partial-dead00`, { started: '1' });
    await leave(`${store}.partial-others`, { machine: 'another' });
    await utimes(await leave('stdin.partial-silent', { machine: 'another' }), 1, 1);
    const locks = [`${store}-89abcdef.lock`, `${store}-89abcdef.lock.takeover`];
    for (const name of locks) {
      const dead = { ...(JSON.parse(holder) as object), started: '1' };
      await writeFile(place.path(`stores/${name}`), JSON.stringify(dead));
    }
    await prepare(place, data);
    expect((await readdir(place.path('stores'))).sort()).toEqual(
      [basename(key), `${store}.partial-others`, 'pieces', basename(running.dir)].sort(),
    );
    await running.close();
  });

  it('leaves alone what is not ours in a directory that holds stores', async () => {
    const place = await scratch({ 'a.csv': mails });
    const own = ['yarn.lock', 'film.partial-1', 'notes.locked', 'x.partial-abcdef'];
    await mkdir(place.path('stores'));
    for (const name of own) {
      await writeFile(place.path(`stores/${name}`), 'mine');
      await utimes(place.path(`stores/${name}`), 1, 1);
    }
    const { storeDir } = (await prepare(place, { train: place.path('a.csv') })).corpus;
    const there = await readdir(place.path('stores'));
    expect(there.sort()).toEqual([...own, 'pieces', basename(storeDir)].sort());
  });

  it('refuses reads outside of it', async () => {
    const place = await scratch({ 'a.csv': mails });
    const { train } = (await prepare(place, { train: place.path('a.csv') })).corpus;
    const into = {
      tokens: new Int32Array(4),
      rowStart: new Int32Array(2),
      labels: new Int32Array(1),
    };
    await expect(train.readRows([train.rows], into)).rejects.toThrow(RangeError);
    await expect(train.readRows([0, 1], into)).rejects.toThrow(RangeError);
    await expect(train.readTokens(train.tokens - 1, 2, into.tokens, 0)).rejects.toThrow(RangeError);
    await expect(train.readTokens(0, 4, into.tokens, 1)).rejects.toThrow(RangeError);
  });

  it('reads into shared memory', async () => {
    const place = await scratch({ 'a.csv': mails });
    const { train } = (await prepare(place, { train: place.path('a.csv') })).corpus;
    const buffer = new SharedArrayBuffer(1024);
    const shared = new Int32Array(buffer, 64, 100);
    const own = new Int32Array(100);
    await train.readTokens(3, 100, shared, 0);
    await train.readTokens(3, 100, own, 0);
    expect([...shared]).toEqual([...own]);
  });
});
