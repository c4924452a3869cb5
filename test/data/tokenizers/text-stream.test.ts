import { describe, expect, it } from 'vitest';
import type { SerializedTokenizer } from '../../../src/data/tokenizers/serialized.js';
import { tokenizerFromJson } from '../../../src/data/tokenizers/kinds.js';
import { streamText } from '../../../src/data/tokenizers/text-stream.js';

describe('text that comes token by token', () => {
  it('is the text of all tokens together, with characters of several bytes whole', () => {
    const tokenizer = tokenizerFromJson({ kind: 'byte' });
    const text = 'naïve 鯨 🐋, said Ahab. '.repeat(5);
    const next = streamText(tokenizer);
    const pieces = tokenizer.encode(text).map(next);
    expect(pieces.join('')).toBe(text);
    expect(pieces.every((piece) => !piece.includes('\uFFFD'))).toBe(true);
  });

  const words: SerializedTokenizer = {
    kind: 'word',
    filters: '.',
    lowerCase: true,
    split: ' ',
    outOfVocabulary: '<unk>',
    words: ['<unk>', 'the', 'sea', 'was', 'calm'],
  };
  const characters: SerializedTokenizer = {
    kind: 'char',
    lowerCase: false,
    characters: Array.from('the saw'),
  };

  it.each([
    ['after a word, with what separates words', words, 'the sea', 'the sea was calm'],
    ['after a part of a word', words, 'the se', 'the se was calm'],
    ['after words that the tokenizer has no token for', words, '...', '... was calm'],
    ['after white space, without more of it', words, 'the sea ', 'the sea was calm'],
    ['after a line end', words, 'the sea\n', 'the sea\nwas calm'],
    ['after nothing', words, '', 'was calm'],
    ['as it is, by characters', characters, 'the s', 'the swas'],
    ['as it is, by bytes', { kind: 'byte' as const }, 'the sea', 'the seawas calm'],
  ])('begins %s', (_, json, prompt, whole) => {
    const tokenizer = tokenizerFromJson(json);
    const next = streamText(tokenizer, prompt);
    const tokens = tokenizer.encode(json.kind === 'char' ? 'was' : 'was calm');
    expect(`${prompt}${tokens.map(next).join('')}`).toBe(whole);
  });

  it.each([
    ['the sea', 'the sea; was;calm'],
    ['the sea ', 'the sea ; was;calm'],
    ['the sea;', 'the sea; was;calm'],
  ])(
    'goes on from %j with what words are split at, though they begin with white space',
    (prompt, whole) => {
      const json = { ...words, split: ';', words: ['<unk>', ' was', 'calm'] };
      const tokenizer = tokenizerFromJson(json);
      const next = streamText(tokenizer, prompt);
      expect(`${prompt}${[2, 3].map(next).join('')}`).toBe(whole);
    },
  );

  it('has what the words are split at between them', () => {
    const tokenizer = tokenizerFromJson({ ...words, split: ', ' });
    expect(tokenizer.decode(tokenizer.encode('the, sea'))).toBe('the, sea');
  });
});
