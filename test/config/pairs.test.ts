import { describe, expect, test } from 'vitest';
import { formatConfig, parseConfig } from '../../src/config/load.js';
import { refusalOf, testRefusals } from './refusal.js';

const files = 'data: { train: { source: a.de, target: a.en } }';

describe('a config of pairs', () => {
  test('names files by their sides, and says what follows where it says nothing', () => {
    const { data, train } = parseConfig(`task: translate\n${files}\n`, 'x.yaml');
    expect(data).toMatchObject({
      train: [{ source: ['a.de'], target: ['a.en'], weight: 1 }],
      ...{ source: 'source', target: 'target', sharedVocabulary: false, maxRatio: null },
      ...{ maxLength: 256, maxSourceLength: 256, tokenizer: { kind: 'bpe' } },
    });
    expect(data.sourceTokenizer).toBeUndefined();
    expect(train.batchTokens).toBeNull();
  });

  test('takes names of files as they are written, also such as YAML takes for numbers', () => {
    const text = `task: translate
data:
  train: [{ source: 01, target: [1.50, 7], weight: 2 }, 0x1, { path: 8 }]
  validation: { source: 02, target: v }
  test: [03]
  storeDir: 04
  tokenizer: { kind: bpe, file: 0x2 }
  sourceTokenizer: { kind: bpe, file: 05 }
`;
    const config = parseConfig(text, 'x.yaml');
    expect(config.data).toMatchObject({
      train: [{ source: ['01'], target: ['1.50', '7'], weight: 2 }, '0x1', { path: '8' }],
      validation: [{ source: ['02'], target: ['v'] }],
      test: ['03'],
      storeDir: '04',
      tokenizer: { file: '0x2' },
      sourceTokenizer: { file: '05' },
    });
    expect(parseConfig(formatConfig(config), 'x.yaml')).toEqual(config);
    const set = [
      'data.train=04',
      'data.validation=0.5',
      'data.test.source=05',
      'data.test.target=t',
    ];
    const overridden = parseConfig(text.replace('  test: [03]\n', ''), 'x.yaml', set);
    expect(overridden.data).toMatchObject({
      ...{ train: ['04'], validation: 0.5, test: [{ source: ['05'], target: ['t'] }] },
    });
  });

  test('is the same read back from the file of a run', () => {
    const text = `task: translate
data:
  train: [{ source: [a.de, b.de], target: '*.en', weight: 2 }, c.csv]
  validation: { source: v.de, target: v.en }
  test: [t.csv, { source: t.de, target: t.en }]
  sourceTokenizer: { kind: char }
train: { batchTokens: 4096 }
`;
    const config = parseConfig(text, 'x.yaml');
    expect(parseConfig(formatConfig(config), 'x.yaml')).toEqual(config);
  });

  test('takes the files of either side from the command line', () => {
    const overrides = ['data.train.source=b.de', 'data.train.target=b.en'];
    const { data } = parseConfig(`task: translate\n${files}\n`, 'x.yaml', overrides);
    expect(data.train).toEqual([{ source: ['b.de'], target: ['b.en'], weight: 1 }]);
  });

  test('may say of text files that they are', () => {
    const text = 'task: translate\ndata: { train: { source: a, target: b }, format: text }\n';
    expect(parseConfig(text, 'x.yaml').data.format).toBe('text');
  });

  testRefusals([
    [
      'pairs of files for another task',
      `task: classify\n${files}\n`,
      'configs/x.yaml:2:9: data.train: expected files for a classifier, whose rows are no pairs, got { source, target }; the task of pairs is translate',
    ],
    [
      'a key of pairs for another task',
      'task: classify\ndata: { train: a.csv, maxRatio: 3 }\n',
      'configs/x.yaml:2:23: data.maxRatio: expected nothing for a classifier, whose rows are no pairs, got 3; the task of pairs is translate',
    ],
    [
      'one column for both sides',
      'task: translate\ndata: { train: a.csv, source: x, target: x }\n',
      'configs/x.yaml:2:34: data.target: expected another column than that of data.source, got "x"',
    ],
    [
      'a layout of tables for text files',
      'task: translate\ndata: { train: { source: a.de, target: a.en }, format: tsv }\n',
      'configs/x.yaml:2:48: data.format: expected "text" or nothing beside { source, target }, whose files are read line by line, got "tsv"',
    ],
    [
      'plain text that is no pair',
      'task: translate\ndata: { train: a.de, format: text }\n',
      'configs/x.yaml:2:22: data.format: expected CSV, TSV, JSONL or Parquet with both sides, or a pair of text files, { source, target }, got "text"',
    ],
    [
      'one vocabulary of two tokenizers',
      'task: translate\ndata: { train: a.csv, sharedVocabulary: true, sourceTokenizer: { kind: char } }\n',
      'configs/x.yaml:2:47: data.sourceTokenizer: expected nothing beside data.sharedVocabulary: true, with which data.tokenizer is for both sides',
    ],
    [
      'a side that is missing',
      'task: translate\ndata: { train: { source: a.de } }\n',
      'configs/x.yaml:2:9: data.train.target: missing; expected non-empty text or a list of one or more texts',
    ],
  ]);

  test('is told what it may have meant', () => {
    expect(refusalOf(`task: translat\n${files}\n`)).toContain('did you mean "translate"?');
  });
});
