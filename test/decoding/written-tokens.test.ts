import { expect, test } from 'vitest';
import { tokenizerFromJson } from '../../src/data/tokenizers/kinds.js';
import { WrittenTokens } from '../../src/decoding/written-tokens.js';

const word = {
  ...{ kind: 'word', filters: '.,', lowerCase: true, zeroDigits: true, split: ' ' },
  ...{ outOfVocabulary: '<unk>', words: ['<unk>', 'in', 'a'] },
} as const;
const char = { kind: 'char', lowerCase: true, characters: ['a', 'i', 'ß'] } as const;

test.each([
  ['with capitals and digits', word, 'In 1984, Rome.', ['in', '1984', 'Rome']],
  ['with the unknown token in the text', word, '<unk> a Rome', ['<unk>', 'a', 'Rome']],
  ['a Greek sigma', word, 'a ΟΔΟΣ', ['a', 'ΟΔΟΣ']],
  [
    'where capitals part words when they are written, and not when they are read',
    { ...word, filters: 'X' },
    'Xa RoXm',
    ['xa', 'roxm'],
  ],
  ['characters', char, 'aBİ😀ẞ', ['a', 'B', 'i', '\u0307', '😀', 'ß']],
])('unknown tokens are told as they are written: %s', (_name, json, text, expected) => {
  const tokenizer = tokenizerFromJson(json as Parameters<typeof tokenizerFromJson>[0]);
  expect(new WrittenTokens(tokenizer).of(text, tokenizer.encode(text))).toEqual(expected);
});
