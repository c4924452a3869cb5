import { describe, expect, it } from 'vitest';
import type { Config } from '../../../src/config/schema.js';
import { RowEncoder } from '../../../src/data/batches/encode-row.js';
import type { Example } from '../../../src/data/formats/examples.js';
import { readExamples } from '../../../src/index.js';
import { dealRows } from '../../../src/data/prepare/work/split.js';
import { shapeOf } from '../../../src/data/features/features.js';
import type { TokenStore } from '../../../src/data/store/token-store.js';
import type { Tokenizer } from '../../../src/data/tokenizers/tokenizer.js';
import type { WordConfig } from '../../../src/data/tokenizers/word.js';
import { cutTokens, fitTokenizer } from '../tokenizers/fit.js';
import { collect, useScratch } from '../scratch.js';
import {
  configure,
  expectSameBytes,
  rowFiles,
  smallParts,
  textFiles,
  usePreparation,
} from './corpora.js';
import { readRows } from '../stores.js';

const scratch = useScratch();
const prepare = usePreparation();

const dropping = { kind: 'word', vocabularySize: 9, minCount: 2, outOfVocabulary: null };
const classifiers: Record<string, Record<string, unknown>> = {
  // Its last words are some of many that occur once: those that stand first.
  word: { tokenizer: { kind: 'word', minCount: 1, vocabularySize: 115 }, maxLength: 7 },
  'word that drops': { tokenizer: dropping, maxLength: 4, truncate: 'pre' },
  char: { tokenizer: { kind: 'char', lowerCase: true, minCount: 3 }, maxLength: 20 },
  byte: { tokenizer: { kind: 'byte' }, maxLength: 30 },
  bpe: { tokenizer: { kind: 'bpe', vocabularySize: 300 }, maxLength: 9 },
};
const models: Record<string, Record<string, unknown>> = {
  word: { tokenizer: { kind: 'word' } },
  'word that drops': { tokenizer: dropping },
  'word with line ends': {
    tokenizer: { kind: 'word', unknownToken: 'cat', lineEnd: '<eos>', minCount: 2 },
  },
  char: { tokenizer: { kind: 'char' } },
  byte: { tokenizer: { kind: 'byte' } },
  bpe: { tokenizer: { kind: 'bpe', vocabularySize: 300 } },
};

const known = [
  { kind: 'shape', minCount: 1 },
  { kind: 'suffix', length: 2, minCount: 1 },
];
/** By the same names: what is known of words beside. */
const features: Record<string, Record<string, unknown>[]> = {
  word: known,
  'word that drops': known,
  'word with line ends': [{ kind: 'prefix', length: 2, vocabularySize: 12 }],
};
const modelOf = (name: string) => ({ features: features[name] ?? [] });
/** Of texts in small letters there is no shape to generate. */
const generating = (name: string) => ({
  features: modelOf(name).features.filter(({ kind }) => kind !== 'shape'),
});

const fewAndMany = [
  [1, smallParts],
  [3, smallParts],
] as const;

describe('the bytes of a store', () => {
  it.each(Object.keys(classifiers))('are the same for 1 and 3 workers: rows, %s', async (name) => {
    const place = await scratch(rowFiles);
    const data = { train: place.path('*.*'), test: 0.2, ...classifiers[name] };
    await expectSameBytes(
      prepare,
      place,
      (storeDir, workers) => configure('classify', { ...data, storeDir }, workers, modelOf(name)),
      fewAndMany,
    );
  });

  it.each(Object.keys(models))('are the same for 1 and 3 workers: text, %s', async (name) => {
    const place = await scratch(textFiles);
    const data = { train: place.path('*.*'), test: 0.2, ...models[name] };
    await expectSameBytes(
      prepare,
      place,
      (storeDir, workers) =>
        configure('language-model', { ...data, storeDir }, workers, generating(name)),
      fewAndMany,
    );
  });

  it('do not depend on how a corpus is divided into parts', async () => {
    const place = await scratch({ ...rowFiles, ...textFiles });
    const few = [{ kind: 'suffix', length: 2, vocabularySize: 20 }];
    for (const [task, options, some = []] of [
      ['classify', { train: [place.path('a.csv'), place.path('b.jsonl')] }, few],
      ['language-model', { train: place.path('*.txt*') }, few],
      ['language-model', { train: place.path('*.txt*'), tokenizer: { kind: 'char' } }],
    ] as const) {
      await expectSameBytes(
        prepare,
        place,
        (storeDir) => configure(task, { ...options, storeDir }, 1, { features: some }),
        [
          [1, smallParts],
          [1, { extentBytes: 4000, pieceLength: 100 }],
          [1, { extentBytes: 1e6, pieceLength: 1e6 }],
        ],
      );
    }
  });
});

async function readAll(store: TokenStore) {
  const into = await readRows(store);
  const ofRow = (ids: Int32Array, i: number): number[] => [
    ...ids.subarray(into.rowStart[i], into.rowStart[i + 1]),
  ];
  const known = store.vocabulary!.features!;
  return Array.from(into.labels, (label, i) => ({
    label,
    ids: ofRow(into.tokens, i),
    values: into.features.map((ids, feature) =>
      ofRow(ids, i).map((id) => known[feature]!.values[id - 1] ?? ''),
    ),
  }));
}

/** The values of `features` of the words of a row, by the plainest means: those of the words that are kept, as they are written. */
function readValues(text: string, tokenizer: Tokenizer, { data, model }: Config): string[][] {
  if (model.features.length === 0) return [];
  const written = cutTokens({ ...(data.tokenizer as WordConfig), lowerCase: false }, text);
  const kept = written.filter((word) => tokenizer.encode(word).length > 0);
  const { maxLength, truncate } = data;
  const ofRow = truncate === 'pre' ? kept.slice(-maxLength) : kept.slice(0, maxLength);
  const cut = kept.length === 0 ? [''] : ofRow;
  const end = (word: string): string =>
    Array.from(word.toLowerCase().replaceAll(/\d/g, '0')).slice(-2).join('');
  return [cut.map(shapeOf), cut.map(end)];
}

/** Rows of the training split in their order, by the plainest means. */
async function readTraining({ data }: Config, files: string[], test: number): Promise<Example[]> {
  const rows: Example[] = [];
  for (const file of files) {
    const splitOf = dealRows(file.replace(/.*\//, '').replace(/\.gz$/, ''), {
      validation: 0,
      test,
    });
    const read = readExamples([file], { text: data.text, label: data.label });
    rows.push(...(await collect(read)).filter(({ row }) => splitOf(row) === 'train'));
  }
  return rows;
}

describe('a corpus in many parts', () => {
  it.each(['word', 'word that drops', 'char', 'byte'])(
    'has the ids that its texts have one by one: %s',
    async (name) => {
      const place = await scratch(rowFiles);
      const files = Object.keys(rowFiles).map((file) => place.path(file));
      const data = { train: files, validation: 0, test: 0.2, ...classifiers[name] };
      const storeDir = place.path('stores');
      const config = configure('classify', { ...data, storeDir }, 1, modelOf(name));
      const { corpus } = await prepare(config);

      const rows = await readTraining(config, files, 0.2);
      const texts = rows.map(({ text }) => text);
      const tokenizer = fitTokenizer(config.data.tokenizer, texts);
      expect(corpus.tokenizer.toJSON()).toEqual(tokenizer.toJSON());
      expect(corpus.classes).toEqual(['ham', 'maybe', 'spam']);
      expect(await readAll(corpus.train)).toEqual(
        rows.map(({ text, label }) => ({
          label: corpus.classes.indexOf(label!),
          ids: new RowEncoder(tokenizer).encodeRow(text, config.data).tokens,
          values: readValues(text, tokenizer, config),
        })),
      );
      const place3 = await corpus.train.locate(corpus.train.rows - 1);
      expect(place3).toEqual({ source: 2, row: rows.at(-1)!.row });
    },
  );

  it('tells what its splits are made of', async () => {
    const place = await scratch(rowFiles);
    const files = Object.keys(rowFiles).map((file) => place.path(file));
    const data = { train: files, validation: 0, test: 0.2, ...classifiers['word'] };
    const config = configure('classify', { ...data, storeDir: place.path('stores') });
    const { corpus } = await prepare(config);
    const rows = await readTraining(config, files, 0.2);
    const { manifest } = corpus;
    const { train } = manifest.statistics;
    const full = rows.map(({ text }) => corpus.tokenizer.encode(text));
    const ids = full.flat();
    expect(train.textTokens).toBe(ids.length);
    expect(train.unknownTokens).toBe(ids.filter((id) => id === 1).length);
    expect(train.truncatedRows).toBe(full.filter(({ length }) => length > 7).length);
    expect(train.emptyRows).toBe(full.filter(({ length }) => length === 0).length);
    expect(train.lengths).toEqual(
      [0, 1, 2, 4, 8].map((least, i, all) => {
        const next = all[i + 1] ?? Infinity;
        return full.filter(({ length }) => length >= least && length < next).length;
      }),
    );
    expect(train.labels).toEqual(
      corpus.classes.map((name) => rows.filter(({ label }) => label === name).length),
    );
    expect(train.longest.map(({ tokens }) => tokens)).toEqual(
      full
        .map(({ length }) => length)
        .sort((a, b) => b - a)
        .slice(0, 5),
    );
    const everything = await collect(readExamples(files, config.data));
    const texts = everything.map(({ text }) => text);
    expect(manifest.duplicateRows).toBe(texts.length - new Set(texts).size);
    expect(manifest.duplicateRows).toBeGreaterThan(10);
    const runs = manifest.splits.train.sources;
    expect(runs.map(({ source }) => source)).toEqual([0, 1, 2]);
    expect(runs.reduce((sum, run) => sum + run.rows, 0)).toBe(corpus.train.rows);
    expect(runs.reduce((sum, run) => sum + run.tokens, 0)).toBe(corpus.train.tokens);
  });

  it('keeps bytes that are no text, and a byte order mark', async () => {
    const bytes = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919) % 256));
    bytes.set([0xef, 0xbb, 0xbf]);
    const place = await scratch({ 'a.txt': bytes });
    const data = { train: place.path('a.txt'), validation: 0.1, tokenizer: { kind: 'byte' } };
    const { corpus } = await prepare(
      configure('language-model', { ...data, storeDir: place.path('stores') }),
    );
    const read = async (store: TokenStore) => {
      const tokens = new Int32Array(store.tokens);
      await store.readTokens(0, tokens.length, tokens, 0);
      return Array.from(tokens, (id) => id - 1);
    };
    expect([...(await read(corpus.train)), ...(await read(corpus.validation!))]).toEqual([
      ...bytes,
    ]);
    expect(corpus.train.tokens).toBe(4500);
  });
});
