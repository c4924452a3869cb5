import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { RowEncoder } from '../../../src/data/batches/encode-row.js';
import type { FeatureVocabulary } from '../../../src/data/features/features.js';
import { ByteTokenizer } from '../../../src/data/tokenizers/byte.js';
import { CharTokenizer } from '../../../src/data/tokenizers/char.js';
import type { Tokenizer } from '../../../src/data/tokenizers/tokenizer.js';
import { WordTokenizer } from '../../../src/data/tokenizers/word.js';

const tokenizer = new ByteTokenizer();
const encoder = new RowEncoder(tokenizer);

function cut(text: string, maxLength: number, truncate: 'pre' | 'post'): string {
  return tokenizer.decode(encoder.encodeRow(text, { maxLength, truncate }).tokens);
}

test('of a row that is too long the end or the beginning is cut away', () => {
  expect(cut('abcdefg', 4, 'post')).toBe('abcd');
  expect(cut('abcdefg', 4, 'pre')).toBe('defg');
});

test.each(['pre', 'post'] as const)('%s: a row that fits stays whole', (truncate) => {
  expect(cut('abcd', 4, truncate)).toBe('abcd');
  expect(cut('a', 4, truncate)).toBe('a');
});

describe('of a text that is much longer than what is read of it', () => {
  const words = { lowerCase: true, outOfVocabulary: null, words: ['ας', 'ασ', 'the', 'a', 'eos'] };
  const tokenizers: [string, Tokenizer][] = [
    ['words', new WordTokenizer({ ...words, filters: '.\n', split: ' ' })],
    [
      'words and line ends',
      new WordTokenizer({ ...words, filters: '.', split: ' ', lineEnd: 'eos' }),
    ],
    ['words between points', new WordTokenizer({ ...words, filters: '', split: '.' })],
    ['characters', new CharTokenizer({ lowerCase: true, characters: ['α', 'σ', 'ς', ' ', '😀'] })],
    ['bytes', tokenizer],
  ];
  const parts = fc.constantFrom('ΑΣ', '.', ' ', '\r\n', '\n', 'the', 'a', 'strange', '😀', '  ');
  const texts = fc.array(parts, { minLength: 0, maxLength: 120 }).map((all) => all.join(''));

  test.each(tokenizers)('%s are the same as of the whole', (_, used) => {
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 4 }), (text, maxLength) => {
        const all = used.encode(text);
        const row = new RowEncoder(used);
        const read = (truncate: 'pre' | 'post') =>
          row.encodeRow(text, { maxLength, truncate }).tokens;
        const expected = all.length > 0 ? all : [used.emptyToken];
        expect(read('post')).toEqual(expected.slice(0, maxLength));
        expect(read('pre')).toEqual(expected.slice(-maxLength));
      }),
    );
  });

  test('a letter is lowered as what stands behind it asks for', () => {
    const used = tokenizers[2]![1];
    const text = `x.x.ΑΣ.ΑΣ${'.x'.repeat(10)}`;
    const { tokens } = new RowEncoder(used).encodeRow(text, { maxLength: 1, truncate: 'post' });
    expect(used.decode(tokens)).toBe('ασ');
  });

  test('a mark of the byte order, which is passed over where letters are lowered, is no place to cut', () => {
    const used = new WordTokenizer({ ...words, filters: '\uFEFF', split: ' ' });
    const text = `xxxx ΑΣ\uFEFFΑ${' x'.repeat(20)}`;
    const { tokens } = new RowEncoder(used).encodeRow(text, { maxLength: 1, truncate: 'post' });
    expect(tokens).toEqual(used.encode(text).slice(0, 1));
    expect(used.decode(tokens)).toBe('ασ');
  });

  test.each(['pre', 'post'] as const)('%s: the rest is not looked at', (truncate) => {
    const used = tokenizers[0]![1];
    const encode = vi.spyOn(used, 'encode');
    new RowEncoder(used).encodeRow('the '.repeat(50_000), { maxLength: 10, truncate });
    expect(encode.mock.calls.map(([text]) => text.length)).toEqual([80]);
    encode.mockRestore();
  });
});

test('a row without a token stands for itself as one', () => {
  const { tokens } = encoder.encodeRow('', { maxLength: 4, truncate: 'pre' });
  expect(tokens).toEqual([0]);
});

describe('what is known of the words of a row', () => {
  const known = { filters: '.', lowerCase: true, split: ' ', lineEnd: '<eos>' };
  const features: FeatureVocabulary[] = [
    { kind: 'shape', values: ['Xxx', 'xx'] },
    { kind: 'letters', maxLetters: 2, values: ['a', 'T'] },
  ];
  const encode = (outOfVocabulary: string | null, text: string, maxLength: number) => {
    const unknown = outOfVocabulary === null ? [] : [outOfVocabulary];
    const words = [...unknown, 'the', 'cat', '<eos>'];
    const row = new RowEncoder(new WordTokenizer({ ...known, outOfVocabulary, words }), features);
    return row.encodeRow(text, { maxLength, truncate: 'pre' });
  };

  test('stands beside each, of unknown words, too; the unknown token itself and line ends have none', () => {
    expect(encode('<unk>', 'The Tap\n<unk>. aa', 9)).toEqual({
      tokens: [2, 1, 4, 1, 1],
      features: [
        [1, 1, 0, 0, 2],
        [3, 1, 3, 1, 0, 0, 0, 0, 2, 2],
      ],
    });
  });

  test('goes where they go: dropped, cut away, or not there', () => {
    expect(encode(null, 'The Tap cat. the', 2)).toEqual({
      tokens: [2, 1],
      features: [
        [2, 2],
        [1, 1, 1, 1],
      ],
    });
    expect(encode(null, 'Tap', 2)).toEqual({ tokens: [0], features: [[0], [0, 0]] });
  });
});
