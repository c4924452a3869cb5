import { describe, expect, it } from 'vitest';
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
});
