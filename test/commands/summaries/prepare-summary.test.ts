import { expect, it } from 'vitest';
import { describeStore } from '../../../src/commands/summaries/prepare-summary.js';
import type { Manifest, SplitManifest, Statistics } from '../../../src/data/store/manifest.js';

const file = { bytes: 0, checksums: '' };

function split(rows: number, tokens: number): SplitManifest {
  return { rows, tokens, longestRow: 100, sources: [], tokensFile: file, rowsFile: file };
}

const told: Statistics = {
  textTokens: 2000,
  unknownTokens: 100,
  truncatedRows: 3,
  emptyRows: 1,
  lengths: [1, 0, 4, 35],
  labels: [30, 10],
  longest: [{ source: 0, row: 1234, tokens: 7 }],
};

const manifest: Manifest = {
  version: 3,
  fingerprint: '',
  options: { task: 'classify' },
  sources: [
    {
      path: 'mails.csv',
      name: 'mails.csv',
      from: 'train',
      bytes: 1,
      modified: '0',
      changed: '0',
      sha256: '',
      rows: 50,
      badRows: 2,
    },
  ],
  tokenizer: {
    kind: 'word',
    filters: '',
    lowerCase: true,
    split: ' ',
    outOfVocabulary: null,
    words: ['a', 'b'],
  },
  classes: ['ham', 'spam'],
  idBytes: 2,
  distinctTokens: 1500,
  duplicateRows: 5,
  sharedRows: { validation: 0, test: 0 },
  splits: { train: split(40, 1234), validation: split(10, 300) },
  quarantine: null,
  statistics: { train: told, validation: { ...told, labels: [8, 2] } },
};

it('the summary of a store tells rows, tokens, vocabulary, classes and lengths', () => {
  const text = describeStore(manifest, 'stores/x').join('\n');
  expect(text).toMatchInlineSnapshot(`
    "Token store: stores/x

    split       rows  tokens  longest  truncated  empty  unknown
    train         40   1,234      100          3      1    5.0 %
    validation    10     300      100          3      1    5.0 %

    Vocabulary: 2 words; the training split has 1,500 different ones, and 95.0 % of its text is in the vocabulary
    Duplicates: 5 rows (10.0 %) have the text of another one
    Bad rows: 2 were left out

    class  train          validation        
    ham       30  75.0 %           8  80.0 %
    spam      10  25.0 %           2  20.0 %

    tokens (train)  rows
    0                  1   2.5 %  ██
    1                  0   0.0 %
    2-3                4  10.0 %  █████
    4-7               35  87.5 %  ████████████████████████████████████████

    Longest rows before truncation:
      7 tokens: row 1,234 of mails.csv"
  `);
});

it('the summary of a text leaves out what only rows have', () => {
  const text = describeStore(
    {
      ...manifest,
      sources: [{ ...manifest.sources[0]!, rows: 0, badRows: 0 }],
      tokenizer: { kind: 'byte' },
      classes: [],
      distinctTokens: null,
      splits: { train: split(1, 1234) },
      statistics: { train: { ...told, lengths: [], labels: [], longest: [] } },
    },
    'stores/x',
  ).join('\n');
  expect(text).toMatchInlineSnapshot(`
    "Token store: stores/x

    split  rows  tokens  longest  truncated  empty  unknown
    train     1   1,234      100          3      1    5.0 %

    Vocabulary: byte"
  `);
});

it('the summary of standard input calls it so', () => {
  const path = `stores/stdin-${'0a'.repeat(32)}`;
  const lines = describeStore(
    { ...manifest, sources: [{ ...manifest.sources[0]!, path }] },
    'stores/x',
  );
  expect(lines.at(-1)).toBe('  7 tokens: row 1,234 of standard input');
});

it('the summary of labels calls them so', () => {
  const labels: Manifest = { ...manifest, options: { task: 'multi-label' } };
  expect(describeStore(labels, 'stores/x')).toContain('label  train          validation        ');
});

it('the summary of numbers tells their mean, deviation and ranges', () => {
  const numbers: Manifest = {
    ...manifest,
    classes: [],
    targetScale: { mean: 12345.678, deviation: 0.0123456 },
    statistics: {
      train: { ...told, labels: [], range: [-2, 1e6] },
      validation: { ...told, labels: [], range: [0.5, 7] },
    },
  };
  expect(describeStore(numbers, 'stores/x')).toContain(
    'Numbers: mean 12,346, standard deviation 0.01235 (train); train -2 to 1,000,000, validation 0.5 to 7',
  );
});

it('the summary of a store of pairs tells of both sides, and what was left out of training', () => {
  const source = { textTokens: 500, unknownTokens: 50, longestRow: 9, lengths: [0, 3, 37] };
  const leftOut = { empty: 1, long: 20, uneven: 3 };
  const train = { ...told, labels: [], source, leftOut };
  const pairs: Manifest = {
    ...manifest,
    options: { task: 'translate' },
    classes: [],
    distinctSourceTokens: 900,
    splits: { train: { ...split(40, 1234), source: { tokens: 498, longestRow: 9, file } } },
    statistics: { train },
  };
  const linesOf = (more: Partial<Manifest>): string[] => describeStore({ ...pairs, ...more }, 'x');
  const words = { ...manifest.tokenizer, words: ['c'] } as Manifest['tokenizer'];
  expect(linesOf({ sourceTokenizer: words })).toEqual(
    expect.arrayContaining([
      'Vocabulary of the targets: 2 words; the training split has 1,500 different ones, and 95.0 % of its text is in the vocabulary',
      'Vocabulary of the sources: 1 word; the training split has 900 different ones, and 90.0 % of its text is in the vocabulary',
      'Duplicates: 5 rows (10.0 %) have the source of another one',
      'Left out of training: 1 with an empty side, 20 too long, 3 of too different lengths',
      'Sources: 498 tokens (train), the longest before truncation 9',
    ]),
  );
  expect(linesOf({})).toContain(
    'Vocabulary of both sides: 2 words; the training split has 1,500 different ones, and 94.0 % of its text is in the vocabulary',
  );
});
