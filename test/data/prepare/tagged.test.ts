import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { trainingBatches } from '../../../src/train/evaluation.js';
import type { TokenStore } from '../../../src/data/store/token-store.js';
import { numbersOf, shapeOf } from '../../../src/data/features/features.js';
import type { Corpus } from '../../../src/data/store/corpus.js';
import { useScratch } from '../scratch.js';
import { configure, configureIn, expectSameBytes, makeRows, usePreparation } from './corpora.js';

const scratch = useScratch();
const prepare = usePreparation();

/** Sentences of made-up words; a word's tag follows from it and from its place. */
function makeSentences(count: number, seed: number): { tokens: string[]; tags: string[] }[] {
  return makeRows(count, seed).flatMap(({ text }) => {
    const tokens = text.split(/\s+/).filter((token) => token !== '');
    const tags = tokens.map((token, i) => (i % 3 === 0 ? 'O' : `B-${token.length % 4}`));
    return tokens.length === 0 ? [] : [{ tokens, tags }];
  });
}

const toColumns = (sentences: ReturnType<typeof makeSentences>): string =>
  sentences
    .map(
      ({ tokens, tags }) =>
        `${tokens.map((token, i) => `${token} P${i % 2} ${tags[i]!}\n`).join('')}\n`,
    )
    .join('');

const first = makeSentences(150, 1);
const second = makeSentences(60, 2);
const files = {
  'a.conll': toColumns(first),
  'b.jsonl': second
    .map((each) => `${JSON.stringify({ ...each, 2: each.tokens.map((_, i) => `P${i % 3}`) })}\n`)
    .join(''),
};
const tokenizer = { kind: 'word', lowerCase: false, minCount: 1 };
const features = [
  { kind: 'suffix', length: 2, minCount: 1 },
  { kind: 'column', column: 2, minCount: 1 },
  { kind: 'shape', minCount: 1 },
  { kind: 'letters', maxLetters: 5, minCount: 1 },
];

async function readSentences(store: TokenStore, classes: readonly string[], decode: Decode) {
  const tokens = new Int32Array(store.tokens);
  const rows = Array.from({ length: store.rows }, (_, row) => row);
  const into = { tokens, targets: tokens.slice(), rowStart: new Int32Array(store.rows + 1) };
  const labels = new Int32Array(store.rows);
  await store.readRows(rows, { ...into, labels });
  return rows.map((row) => {
    const [start, end] = [into.rowStart[row]!, into.rowStart[row + 1]!];
    return {
      tokens: Array.from(tokens.subarray(start, end), (id) => decode([id])),
      tags: Array.from(into.targets.subarray(start, end), (id) => classes[id]!),
    };
  });
}
type Decode = (ids: number[]) => string;

/** The values of each feature of each row's tokens; of spellings all letters together. */
async function readFeatures({ train, features: known }: Corpus): Promise<string[][][]> {
  const ids = known.map((feature) => new Int32Array(numbersOf(feature) * train.tokens));
  const rowStart = new Int32Array(train.rows + 1);
  await train.readRows(
    Array.from({ length: train.rows }, (_, row) => row),
    {
      ...{ rowStart, tokens: new Int32Array(train.tokens), features: ids },
      labels: new Int32Array(train.rows),
    },
  );
  return Array.from({ length: train.rows }, (_, row) =>
    known.map((feature, i) => {
      const [width, isSpelled] = [numbersOf(feature), feature.kind === 'letters'];
      const [start, end] = [rowStart[row]!, rowStart[row + 1]!];
      return Array.from({ length: end - start }, (_, t) =>
        Array.from(
          ids[i]!.subarray((start + t) * width, (start + t + 1) * width),
          (id) => feature.values[id - (isSpelled ? 2 : 1)] ?? '',
        ).join(''),
      );
    }),
  );
}

describe('a store of tagged tokens', () => {
  test('holds every token with its tag, in order', async () => {
    const place = await scratch(files);
    const data = { train: [place.path('a.conll'), place.path('b.jsonl')], validation: 0 };
    const config = configureIn(place, 'tag', { ...data, tokenizer });
    const { corpus } = await prepare(config);
    const decode = (ids: number[]): string => corpus.tokenizer.decode(ids);
    expect(await readSentences(corpus.train, corpus.classes, decode)).toEqual([
      ...first,
      ...second,
    ]);
    expect(corpus.classes).toEqual([...new Set(first.flatMap(({ tags }) => tags))].sort());
    const counted = corpus.manifest.statistics.train.labels.reduce((sum, each) => sum + each, 0);
    expect(counted).toBe(corpus.train.tokens);
  });

  test.each(['post', 'pre'] as const)(
    'cuts long rows, their tags and their features alike: %s',
    async (truncate) => {
      const place = await scratch(files);
      const data = { train: place.path('a.conll'), validation: 0, maxLength: 4, truncate };
      const config = configureIn(place, 'tag', { ...data, tokenizer }, { features });
      const { corpus } = await prepare(config);
      const cut = <T>(list: T[]): T[] => (truncate === 'post' ? list.slice(0, 4) : list.slice(-4));
      const decode = (ids: number[]): string => corpus.tokenizer.decode(ids);
      expect(await readSentences(corpus.train, corpus.classes, decode)).toEqual(
        first.map(({ tokens, tags }) => ({ tokens: cut(tokens), tags: cut(tags) })),
      );
      expect(await readFeatures(corpus)).toEqual(
        first.map(({ tokens }) => [
          cut(tokens).map((token) =>
            Array.from(token.toLowerCase().replaceAll(/\d/g, '0')).slice(-2).join(''),
          ),
          cut(tokens.map((_, i) => `P${i % 2}`)),
          cut(tokens).map(shapeOf),
          cut(tokens)
            .map((token) => Array.from(token))
            .map((all) => [...all.slice(0, 3), ...all.slice(3).slice(-2)].join('')),
        ]),
      );
    },
  );

  test('has the same bytes for 1 and 4 workers, and however it is divided into parts', async () => {
    const place = await scratch(files);
    const data = { train: place.path('*.*'), test: 0.2, tokenizer };
    await expectSameBytes(prepare, place, (storeDir, workers) =>
      configure('tag', { ...data, storeDir }, workers, { features }),
    );
  });

  test('gives batches with the tags of their rows', async () => {
    const place = await scratch(files);
    const config = configureIn(place, 'tag', { train: place.path('*.*'), tokenizer });
    const { corpus } = await prepare(config);
    const source = trainingBatches(config, corpus);
    const batch = {
      ...{ rows: 0, startsFresh: false },
      tokens: new Int32Array(source.maxTokens),
      targets: new Int32Array(source.maxTokens),
      rowStart: new Int32Array(source.maxRows + 1),
      labels: new Int32Array(source.maxRows),
    };
    const known = new Set([...first, ...second].map((each) => JSON.stringify(each)));
    for (const step of [0, 3, 1]) {
      await source.read(step, batch);
      for (let row = 0; row < batch.rows; row++) {
        const [start, end] = [batch.rowStart[row]!, batch.rowStart[row + 1]!];
        const ids = Array.from(batch.tokens.subarray(start, end));
        const tokens = ids.map((id) => corpus.tokenizer.decode([id]));
        const tags = Array.from(batch.targets.subarray(start, end), (id) => corpus.classes[id]);
        // Words of the validation split alone are unknown here.
        if (!tokens.includes('<unk>')) expect(known).toContain(JSON.stringify({ tokens, tags }));
      }
    }
  });

  test.each(['train.tags', 'train.features-1', 'train.features-3'])(
    'refuses bytes that have been changed on the disk: %s',
    async (name) => {
      const place = await scratch(files);
      const data = { train: place.path('a.conll'), tokenizer };
      const { corpus } = await prepare(configureIn(place, 'tag', data, { features }));
      const path = join(corpus.storeDir, name);
      const bytes = await readFile(path);
      bytes[40]! ^= 1;
      await writeFile(path, bytes);
      const decode = (ids: number[]): string => corpus.tokenizer.decode(ids);
      const reading =
        name === 'train.tags'
          ? readSentences(corpus.train, corpus.classes, decode)
          : readFeatures(corpus);
      await expect(reading).rejects.toThrow(name);
    },
  );

  test('is another one for other features, not for other widths, and features have values of their own', async () => {
    const place = await scratch(files);
    const data = { train: place.path('*.*'), tokenizer };
    const prepared = (some: object[]) =>
      prepare(configureIn(place, 'tag', data, { features: some }));
    const { corpus } = await prepared(features);
    const wider = await prepared(
      features.map((each) => ({
        ...{ ...each, width: 5 },
        ...(each.kind === 'letters' && { embedding: 7, read: 'lstm', width: 6 }),
      })),
    );
    expect(wider.corpus.storeDir).toBe(corpus.storeDir);
    const rarer = await prepared(features.map((each) => ({ ...each, minCount: 9 })));
    expect(rarer.corpus.fingerprint).not.toBe(corpus.fingerprint);
    expect(corpus.features[1]!.values.toSorted()).toEqual(['P0', 'P1', 'P2']);
    const words = [...first, ...second].flatMap(({ tokens }) => tokens);
    expect(new Set(corpus.features[3]!.values)).toEqual(
      new Set(words.flatMap((word) => Array.from(word))),
    );
  });

  test('refuses files that have no tagged tokens', async () => {
    const place = await scratch({ 'a.csv': 'text,label\na,b\n' });
    const data = { train: place.path('a.csv') };
    await expect(prepare(configureIn(place, 'tag', data))).rejects.toThrow(
      'a.csv is a table: task tag expects CoNLL columns or JSONL.',
    );
  });
});
