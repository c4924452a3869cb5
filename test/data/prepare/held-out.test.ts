import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RowEncoder, sliceTokens } from '../../../src/data/batches/encode-row.js';
import { readExamples } from '../../../src/index.js';
import { prepareHeldOut } from '../../../src/data/prepare/held-out.js';
import { UserError } from '../../../src/errors.js';
import { configure, usePreparation } from './corpora.js';
import { collect, useScratch } from '../scratch.js';
import { readRows } from '../stores.js';
import { tries } from '../../effort.js';

const scratch = useScratch();
const prepare = usePreparation();

const silent = (): void => undefined;

type Encode = (text: string) => Buffer;
const encodings: Record<string, { encoding?: string; encode: Encode }> = {
  'utf-8': { encode: (text) => Buffer.from(text) },
  'utf-8 with a mark': { encode: (text) => Buffer.from(`\uFEFF${text}`) },
  'utf-16 with a mark': { encode: (text) => Buffer.from(`\uFEFF${text}`, 'utf16le') },
  'utf-16': { encoding: 'utf-16le', encode: (text) => Buffer.from(text, 'utf16le') },
  latin1: { encoding: 'latin1', encode: (text) => Buffer.from(text, 'latin1') },
};
const tokenizers = [
  { kind: 'word', minCount: 1, vocabularySize: 9 },
  { kind: 'word', minCount: 1, outOfVocabulary: null, vocabularySize: 7, filters: '', split: ',' },
  { kind: 'word', minCount: 1, unknownToken: 'b', lineEnd: '<eos>', vocabularySize: 5 },
  { kind: 'char', minCount: 2 },
  { kind: 'byte' },
  { kind: 'bpe', vocabularySize: 260 },
];
/** What every one of the encodings has; the line ends of rows are chosen apart. */
const text = fc.string({
  unit: fc.constantFrom('a', 'b', 'A', ' ', ' ', 'é', ',', '.', '\t'),
  maxLength: 12,
});
const features = [
  { kind: 'prefix', length: 1, minCount: 1 },
  { kind: 'suffix', length: 2, vocabularySize: 4 },
];
const spelled = { kind: 'letters', maxLetters: 3, minCount: 1 };
const reading = {
  tokenizer: fc.constantFrom(...tokenizers),
  lowerCase: fc.boolean(),
  encoding: fc.constantFrom(...Object.keys(encodings)),
};
/** How one of several files is written. */
const writing = {
  lineEnd: fc.constantFrom('\n', '\r\n', '\r'),
  endsWhole: fc.boolean(),
  gzipped: fc.boolean(),
};

type Files = [name: string, content: string | Buffer][];

function pack(name: string, content: string, encoding: string, gzipped: boolean): Files[number] {
  const bytes = encodings[encoding]!.encode(content);
  return gzipped ? [`${name}.gz`, gzipSync(bytes)] : [name, bytes];
}

/** Prepares files as training and validation files, and the latter with what was learned then. */
async function prepareBoth(
  task: 'classify' | 'language-model',
  files: Files,
  { tokenizer, ...data }: Record<string, unknown> & { tokenizer: Record<string, unknown> },
  lowerCase: boolean,
) {
  const held: Files = files.map(([name, content]) => [`held-${name}`, content]);
  const { path } = await scratch(Object.fromEntries([...files, ...held]));
  const paths = held.map(([name]) => path(name));
  const isWords = tokenizer['kind'] === 'word';
  // What tells capitals a language model has where its words have them.
  const cased = task === 'classify' || !lowerCase ? [{ kind: 'shape', minCount: 1 }, spelled] : [];
  const ofTask = [...cased, ...features];
  const config = configure(
    task,
    {
      ...data,
      tokenizer: isWords ? { ...tokenizer, lowerCase } : tokenizer,
      train: files.map(([name]) => path(name)),
      validation: paths,
      storeDir: path('stores'),
    },
    1,
    { features: isWords ? ofTask : [] },
  );
  const { corpus } = await prepare(config);
  const heldOut = await prepareHeldOut({ config, ...corpus }, paths, '--data', silent);
  try {
    const found = await readRows(heldOut.store);
    return { config, corpus, paths, found, expected: await readRows(corpus.validation!) };
  } finally {
    await heldOut.close();
  }
}

describe('held-out files have the tokens of a validation split of the same files', () => {
  it('as streams, with blank lines and line ends of all kinds', async () => {
    const lines = fc.array(text, { minLength: 3, maxLength: 12 });
    const file = fc.record({ ...writing, lines });
    const property = fc.asyncProperty(
      fc.record({ ...reading, files: fc.array(file, { minLength: 3, maxLength: 5 }) }),
      async ({ tokenizer, lowerCase, encoding, files }) => {
        const { corpus, found, expected } = await prepareBoth(
          'language-model',
          files.map(({ lines: all, lineEnd, endsWhole, gzipped }, i) => {
            const content = `a,b A${lineEnd}${all.join(lineEnd)}${endsWhole ? lineEnd : ' b,a'}`;
            return pack(`${i}.txt`, content, encoding, gzipped);
          }),
          { tokenizer, encoding: encodings[encoding]!.encoding },
          lowerCase,
        );
        expect(found).toEqual(expected);
        // Where a word that is known is generated, the model reads of it what it has read in training.
        const encoder = new RowEncoder(corpus.tokenizer, corpus.features);
        const unknown = corpus.tokenizer.emptyToken;
        const known = {
          tokens: [...found.tokens],
          features: found.features.map((numbers) => [...numbers]),
        };
        found.tokens.forEach((id, place) => {
          if (id === unknown) return;
          const read = sliceTokens(known, place, place + 1);
          expect(encoder.encodeToken(id)).toEqual(read);
        });
      },
    );
    await fc.assert(property, { numRuns: tries(4) });
  });

  it('as rows, and prediction sees the same ones', async () => {
    const row = fc.record({ text, label: fc.constantFrom('x', 'y y', '7') });
    const file = fc.record({
      ...writing,
      rows: fc.array(row, { minLength: 2, maxLength: 9 }),
      format: fc.constantFrom('csv', 'tsv', 'jsonl'),
    });
    const property = fc.asyncProperty(
      fc.record({
        ...reading,
        files: fc.array(file, { minLength: 3, maxLength: 5 }),
        truncate: fc.constantFrom('pre', 'post'),
      }),
      async ({ tokenizer, lowerCase, encoding, files, truncate }) => {
        const { config, corpus, paths, found, expected } = await prepareBoth(
          'classify',
          files.map(({ rows, format, lineEnd, endsWhole, gzipped }, i) => {
            const all = [...rows, ...['x', 'y y', '7'].map((label) => ({ text: 'a', label }))];
            const content = layOut(all, format, lineEnd, endsWhole);
            return pack(`${i}.${format}`, content, encoding, gzipped);
          }),
          {
            tokenizer,
            encoding: encodings[encoding]!.encoding,
            maxLength: 5,
            truncate,
            maxEmptyShare: 1,
          },
          lowerCase,
        );
        expect(found).toEqual(expected);
        const read = await collect(readExamples(paths, { ...config.data, label: undefined }));
        const encoder = new RowEncoder(corpus.tokenizer, corpus.features);
        const encoded = read.map((each) => encoder.encodeRow(each.text, config.data));
        expect(encoded.flatMap(({ tokens }) => tokens)).toEqual(Array.from(found.tokens));
        expect(encoded).toHaveLength(found.labels.length);
        found.features.forEach((ids, feature) => {
          const ofRows = encoded.flatMap((each) => each.features[feature]!);
          expect(ofRows).toEqual(Array.from(ids));
        });
      },
    );
    await fc.assert(property, { numRuns: tries(4) });
  });
});

function layOut(
  rows: readonly { text: string; label: string }[],
  format: string,
  lineEnd: string,
  endsWhole: boolean,
): string {
  if (format === 'jsonl') {
    // JSON Lines end in line feeds.
    const end = lineEnd === '\r' ? '\n' : lineEnd;
    return `${rows.map((row) => JSON.stringify(row)).join(end)}${endsWhole ? end : ''}`;
  }
  const delimiter = format === 'tsv' ? '\t' : ',';
  const lines = [{ text: 'text', label: 'label' }, ...rows].map(
    (row) => `"${row.label}"${delimiter}"${row.text}"`,
  );
  return `${lines.join(lineEnd)}${endsWhole ? lineEnd : ''}`;
}

it('held-out files that cannot be used are named with their line, and leave nothing behind', async () => {
  const { dir, path } = await scratch({
    'train.csv': 'text,label\na,x\nb,y\n',
    'class.csv': 'text,label\na,x\nb,z\n',
    'empty.csv': 'text,label\n',
    'header.csv': 'txt,label\na,x\n',
    'short.csv': 'text,label\nx\n',
  });
  const data = { train: path('train.csv'), validation: 0, storeDir: path('stores') };
  const config = configure('classify', data);
  const { corpus } = await prepare(config);
  for (const [name, sentence] of [
    ['class.csv', 'line 3: expected one of the model\'s classes ("x", "y"), got "z"'],
    ['empty.csv', '--data has no text: the files are empty.'],
    ['header.csv', 'has no column "text"'],
    ['short.csv', 'line 2: '],
    ['gone.csv', '--data: there is no file'],
  ] as const) {
    const model = { config, ...corpus };
    const refused = prepareHeldOut(model, [path(name)], '--data', silent);
    await expect(refused).rejects.toThrow(UserError);
    await expect(refused).rejects.toThrow(sentence);
  }
  const left = readdirSync(tmpdir()).filter((name) => name.startsWith('lockstep-held-out'));
  expect(left.filter((name) => name.includes(`-${process.pid}-`))).toEqual([]);
  expect(readdirSync(dir)).toContain('stores');
});

it('bad rows of held-out files are left out where the training left them out, and counted', async () => {
  const { path } = await scratch({ 'a.csv': 'text,label\na,x\nb,y\nbad\n' });
  const data = { train: path('a.csv'), validation: 0, onBadRow: 'skip', storeDir: path('stores') };
  const config = configure('classify', data);
  const { corpus } = await prepare(config);
  const heldOut = await prepareHeldOut({ config, ...corpus }, [path('a.csv')], '--data', silent);
  expect(heldOut).toMatchObject({ badRows: 1, store: { rows: 2 } });
  await heldOut.close();
});

it('a table that is measured as plain text, because the training data was, is told of', async () => {
  const place = await scratch({ 'a.txt': 'a b a\n', 'b.csv': 'text\na b\n' });
  const data = { train: place.path('a.txt'), validation: 0, format: 'text' };
  const config = configure('language-model', { ...data, storeDir: place.path('stores') });
  const { corpus } = await prepare(config);
  const told: string[] = [];
  const held = await prepareHeldOut(
    { config, ...corpus },
    [place.path('b.csv')],
    '--data',
    (event) => {
      if (event.type === 'notice') told.push(event.message);
    },
  );
  await held.close();
  expect(told).toEqual([
    `--data: ${JSON.stringify(place.path('b.csv'))} is read as plain text, as the training data was (data.format: text).`,
  ]);
});
