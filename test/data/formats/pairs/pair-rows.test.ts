import { execFileSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ExampleOptions, readSource } from '../../../../src/data/formats/examples.js';
import { surveyPair } from '../../../../src/data/formats/pairs/pair-extents.js';
import { listFilePairs } from '../../../../src/data/input/file-pairs.js';
import { listSources, type Source } from '../../../../src/data/input/sources.js';
import { tries } from '../../../effort.js';
import { collect, type Scratch, useScratch } from '../../scratch.js';

const scratch = useScratch();
const ignore = (): void => undefined;
const asPairs: ExampleOptions = { text: 'de', label: 'en', labels: 'text' };

async function pairIn({ path }: Scratch, source: string, target: string): Promise<Source> {
  const pair = { source: [path(source)], target: [path(target)] };
  const keyOf = (side: string): string => `data.train.${side}`;
  const request = { pair, keyOf, key: 'data.train', introduce: () => '' };
  return (await listFilePairs(request, ignore))[0]!.source;
}

async function tableIn({ path }: Scratch, name: string): Promise<Source> {
  const request = { patterns: [path(name)], format: undefined, key: 'data.train' };
  return (await listSources(request, ignore))[0]!.source;
}

async function read(source: Source, options = asPairs) {
  const batches = await collect(readSource(source, options));
  return batches.flatMap(({ rows }) => rows.map(({ text, label }) => [text, label]));
}

const refusal = ({ dir }: Scratch, reading: Promise<unknown>): Promise<string> =>
  reading.then(
    () => 'nothing was refused',
    (error: unknown) => (error as Error).message.replaceAll(`${dir}/`, ''),
  );

describe('rows that are pairs', () => {
  test('are of lines: a carriage return alone, which ends none, is named with its file', async () => {
    const place = await scratch({
      ...{ 'a.de': 'eins\nzwei\n', 'b.de': 'eins\rzwei\n', 'c.de': 'eins\r\nzwei' },
      ...{ 'a.en': 'one\ntwo\n', 'b.en': 'one\ntwo\rthree\n', 'c.en': 'one\r\ntwo\r\n' },
    });
    const reason = 'expected a line feed where a line ends, found a carriage return alone.';
    const readPair = async (de: string, en: string) => read(await pairIn(place, de, en));
    expect(await refusal(place, readPair('a.de', 'b.en'))).toBe(`b.en, line 2: ${reason}`);
    expect(await refusal(place, readPair('b.de', 'c.en'))).toBe(`b.de, line 1: ${reason}`);
    expect(await readPair('c.de', 'c.en')).toEqual(await readPair('a.de', 'a.en'));
  });

  test('are the same from two files, compressed, in other encodings and with other line ends, and from tables', async () => {
    const pairs = Array.from({ length: 40 }, (_, i) => [`Satz ${i} é😀`, `sentence "${i}"`]);
    const [sources, targets] = [pairs.map(([text]) => text!), pairs.map(([, text]) => text!)];
    const table = (between: string): string =>
      `de${between}en\n${pairs.map((pair) => pair.map((text) => `"${text.replaceAll('"', '""')}"`).join(between)).join('\n')}`;
    const place = await scratch({
      'plain.de': `${sources.join('\n')}\n`,
      'plain.en': targets.join('\n'),
      'gz.de.gz': gzipSync(sources.join('\n')),
      'wide.de': Buffer.from(`\uFEFF${sources.join('\r\n')}`, 'utf16le'),
      'wide.en': `\uFEFF${targets.join('\r\n')}\r\n`,
      'a.csv': table(','),
      'a.tsv': table('\t'),
      'a.jsonl': pairs.map(([de, en]) => JSON.stringify({ en, de })).join('\n'),
      'a.parquet': Buffer.from(
        parquetWriteBuffer({
          columnData: [
            { name: 'de', data: sources, type: 'STRING' },
            { name: 'en', data: targets, type: 'STRING' },
          ],
        }),
      ),
    });
    expect(await read(await pairIn(place, 'plain.de', 'plain.en'))).toEqual(pairs);
    expect(await read(await pairIn(place, 'gz.de.gz', 'plain.en'))).toEqual(pairs);
    expect(await read(await pairIn(place, 'wide.de', 'wide.en'))).toEqual(pairs);
    for (const name of ['a.csv', 'a.tsv', 'a.jsonl', 'a.parquet']) {
      expect(await read(await tableIn(place, name), { ...asPairs, quote: '"' })).toEqual(pairs);
    }
  });

  const empty =
    'expected a text, because the line of the other file has one to go with it, found an empty line.';
  test.each([
    ['an empty target', 'a\nb\nc\n', 'x\n\nz\n', `t.en, line 2: ${empty}`],
    ['an empty source', 'a\nb\n \t\n', 'x\ny\nz', `t.de, line 3: ${empty}`],
    [
      'both empty',
      'a\n\n',
      'x\n\n',
      't.de, line 2: expected a text and its translation, found an empty line in both files; data.onBadRow: skip leaves such rows out.',
    ],
    [
      'fewer targets',
      'a\nb\nc\n',
      'x\ny',
      't.de has 3 lines and t.en has 2: line 3 of t.de belongs to none; expected as many lines in both.',
    ],
    [
      'more targets',
      'a',
      'x\n\n',
      't.de has 1 line and t.en has 2: line 2 of t.en belongs to none; expected as many lines in both.',
    ],
    [
      'bytes that are no text',
      'a\nb\n',
      Buffer.from('x\nthr\xe9e\n', 'latin1'),
      't.en, line 2: expected UTF-8, found the byte 0xe9 in "thr\\xe9e" (read as windows-1252: "thrée"); the file has 1 such byte. ' +
        'Set data.encoding to that of the file, or data.onBadRow to leave such rows out.',
    ],
  ])('of two files are refused in one sentence: %s', async (_, source, target, message) => {
    const place = await scratch({ 't.de': source, 't.en': target });
    expect(
      await refusal(
        place,
        pairIn(place, 't.de', 't.en').then((pair) => read(pair)),
      ),
    ).toBe(message);
  });

  test.each([
    ['csv', 'de,en\neins,one\nzwei,\n', 't.csv, line 3: expected a text in "en", found nothing.'],
    ['tsv', 'de\ten\n\tone\n', 't.tsv, line 2: expected a text in "de", found nothing.'],
    [
      'jsonl',
      '{"de":"eins","en":"one"}\n{"de":"zwei","en":2}\n',
      't.jsonl, line 2: expected a string in the field "en", found a number.',
    ],
    [
      'jsonl',
      '{"de":"eins","fr":"un"}\n',
      't.jsonl, line 1: there is no field "en"; the object has "de", "fr": set data.target to the one that is meant.',
    ],
    [
      'csv',
      'x,en\neins,one\n',
      't.csv has no column "de"; its header names "x", "en": if that is data, give the file a header, else set data.source to the one that is meant.',
    ],
  ])('of a table are refused in one sentence: %s', async (format, content, message) => {
    const place = await scratch({ [`t.${format}`]: content });
    expect(
      await refusal(
        place,
        tableIn(place, `t.${format}`).then((table) => read(table)),
      ),
    ).toBe(message);
  });

  test('of a Parquet file are refused where there is no text, or a column of others', async () => {
    const of = async (data: unknown[], type: 'STRING' | 'INT32') => {
      const columnData = [
        { name: 'de', data: ['eins', 'zwei'], type: 'STRING' as const },
        { name: 'en', data, type },
      ];
      const place = await scratch({ 't.parquet': Buffer.from(parquetWriteBuffer({ columnData })) });
      const table = await tableIn(place, 't.parquet');
      return refusal(place, read(table));
    };
    expect(await of(['one', ' '], 'STRING')).toBe(
      't.parquet, row 2: expected a text in "en", found nothing.',
    );
    expect(await of([1, 2], 'INT32')).toBe(
      't.parquet: expected strings in the column "en", which is of type INT32.',
    );
  });

  test('are of text: packed or binary data is named as such before lines are counted', async () => {
    const place = await scratch({
      'a.de': 'a\nb\n',
      'gzip.en': gzipSync('a\nb\n'),
      'binary.en': Buffer.alloc(64, 1),
    });
    for (const [name, what] of [
      ['gzip.en', 'gzip data, expected text: let its name end in .gz.'],
      ['binary.en', 'binary data, expected text.'],
    ] as const) {
      const pairs = [await pairIn(place, 'a.de', name), await pairIn(place, name, 'a.de')];
      for (const pair of pairs) {
        const survey = surveyPair(pair, pair.target!, 10, {});
        expect(await refusal(place, survey)).toBe(`${name} is ${what}`);
      }
    }
  });

  test('are of regular files: what is none is not advised to be standard input, which is refused as well', async () => {
    const place = await scratch({ 'a.de': 'a\n' });
    execFileSync('mkfifo', [place.path('pipe.en')]);
    const expected = 'expected a regular file, because pairs are read from two of them at once';
    expect(await refusal(place, pairIn(place, 'a.de', 'pipe.en'))).toBe(
      `data.train.target: "pipe.en" is a pipe: ${expected}.`,
    );
    const pair = { source: [place.path('a.de')], target: ['-'] };
    const keyOf = (side: string): string => `--${side}`;
    const request = { pair, keyOf, key: 'input', introduce: () => '' };
    expect(await refusal(place, listFilePairs(request, ignore))).toBe(
      `--target: ${expected}; got standard input.`,
    );
  });

  test('come out of extents as out of the whole, whose lines are the same in both files', async () => {
    const unit = fc.constantFrom('a', 'é', '😀', ' ', '\u2028');
    const text = fc.string({ unit, maxLength: 9 });
    const line = fc.tuple(text, fc.constantFrom('', '\r')).map((parts) => parts.join(''));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(line, line), { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 60 }),
        fc.boolean(),
        async (pairs, extentBytes, endsWhole) => {
          const write = (side: 0 | 1, end: string): string =>
            pairs.map((pair) => `${side}${pair[side]}`).join('\n') + end;
          const place = await scratch({
            'p.de': write(0, endsWhole ? '\n' : ''),
            'p.en': write(1, endsWhole ? '' : '\n'),
          });
          const pair = await pairIn(place, 'p.de', 'p.en');
          const { extents } = await surveyPair(pair, pair.target!, extentBytes, {});
          const all = async (extent?: (typeof extents)[number]) => {
            const batches = await collect(
              readSource(pair, { ...asPairs, onBadRow: 'skip' }, extent),
            );
            const good = batches.flatMap(({ rows }) =>
              rows.map(({ text, label }) => [text, label]),
            );
            const bad = batches.flatMap((batch) =>
              batch.bad.map(({ raw, reason }) => [raw, reason]),
            );
            return { good, bad };
          };
          const whole = await all();
          const parts = [];
          for (const extent of extents) parts.push(await all(extent));
          expect(parts.flatMap(({ good }) => good)).toEqual(whole.good);
          expect(parts.flatMap(({ bad }) => bad)).toEqual(whole.bad);
          expect(whole.good.length + whole.bad.length).toBe(pairs.length);
        },
      ),
      { numRuns: tries(25) },
    );
  });
});
