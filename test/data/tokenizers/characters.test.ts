import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../../src/config/schema.js';
import { ByteTokenizer } from '../../../src/data/tokenizers/byte.js';
import { tokenizerFromJson } from '../../../src/data/tokenizers/kinds.js';
import { serializedTokenizerSchema } from '../../../src/data/tokenizers/serialized.js';
import type { Tokenizer } from '../../../src/data/tokenizers/tokenizer.js';
import { fitTokenizer } from './fit.js';

function fit(kind: 'char' | 'byte', texts: string[], options = {}): Tokenizer {
  const { data } = configSchema.parse({
    task: 'language-model',
    data: { train: 'x.txt', tokenizer: { kind, ...options } },
  });
  return fitTokenizer(data.tokenizer, texts);
}

describe('the char tokenizer', () => {
  it('numbers characters from 2 by count, equal counts by code point', () => {
    const tokenizer = fit('char', ['bbca', '😀a']);
    expect(tokenizer.toJSON()).toMatchObject({ characters: ['a', 'b', 'c', '😀'] });
    expect(tokenizer.encode('cab😀')).toEqual([4, 2, 3, 5]);
    expect(tokenizer.vocabularySize).toBe(6);
  });

  it('maps characters outside the vocabulary to the unknown one, id 1', () => {
    const tokenizer = fit('char', ['aab'], { vocabularySize: 3 });
    expect(tokenizer.encode('ab😀')).toEqual([2, 1, 1]);
    expect(tokenizer.decode([2, 1, 0, 2])).toBe('a\uFFFDa');
  });

  it('reads half of a surrogate pair as U+FFFD', () => {
    const tokenizer = fit('char', ['a\ud800b\udc00\ud800\udc00']);
    expect(tokenizer.toJSON()).toMatchObject({ characters: ['\uFFFD', 'a', 'b', '\u{10000}'] });
    expect(tokenizer.encode('\udfff\ud83d\ude00\ud83d')).toEqual([2, 1, 2]);
  });

  it('gives back every text it was made of', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const tokenizer = fit('char', [text], { vocabularySize: 100_000 });
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
        expect(Math.max(0, ...tokenizer.encode(text))).toBeLessThan(tokenizer.vocabularySize);
      }),
    );
  });

  it('survives JSON', () => {
    const tokenizer = fit('char', ['Straße 猫 😀 __proto__'], { lowerCase: true });
    const json: unknown = JSON.parse(JSON.stringify(tokenizer));
    const again = tokenizerFromJson(serializedTokenizerSchema.parse(json));
    expect(again.encode('STRAßE 😀?')).toEqual(tokenizer.encode('STRAßE 😀?'));
  });
});

describe('the byte tokenizer', () => {
  it('gives each byte plus one, so that 0 stays padding', () => {
    const tokenizer = fit('byte', []);
    expect(tokenizer.encode('\0Aé')).toEqual([1, 66, 0xc3 + 1, 0xa9 + 1]);
    expect(tokenizer.vocabularySize).toBe(257);
  });

  it('keeps bytes that are no UTF-8', () => {
    const tokenizer = new ByteTokenizer();
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const ids = tokenizer.encodeBytes(bytes);
    expect(Math.max(...ids)).toBe(256);
    expect(tokenizer.decodeBytes([0, ...ids, 0])).toEqual(bytes);
    expect(tokenizer.decode([256, 66])).toBe('\uFFFDA');
  });

  it('gives back every text', () => {
    const tokenizer = fit('byte', []);
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
      }),
    );
    expect(tokenizer.decode(tokenizer.encode('\uFEFFa'))).toBe('\uFEFFa');
  });
});
