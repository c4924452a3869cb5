import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../../src/config/schema.js';
import { streamText } from '../../../src/data/tokenizers/text-stream.js';
import type { Tokenizer } from '../../../src/data/tokenizers/tokenizer.js';
import { mixedText, scripts } from './scripts.js';
import { fitTokenizer } from './fit.js';

const corpus = [...Object.values(scripts), mixedText];

function fit(kind: string): Tokenizer {
  const { data } = configSchema.parse({
    task: 'language-model',
    data: {
      train: 'x.txt',
      tokenizer: kind === 'byte' ? { kind } : { kind, vocabularySize: 2000 },
    },
  });
  return fitTokenizer(data.tokenizer, corpus);
}

/** Any text for byte and bpe; for char, of the characters that it has seen. */
function anyText(kind: string): fc.Arbitrary<string> {
  const seen = Array.from(new Set(corpus.join('')));
  return fc.string({ unit: kind === 'char' ? fc.constantFrom(...seen) : 'binary' });
}

describe.each(['char', 'byte', 'bpe'])('%s', (kind) => {
  const tokenizer = fit(kind);

  it.each(Object.entries({ ...scripts, mixed: mixedText }))('gives back %s', (_, text) => {
    const ids = tokenizer.encode(text);
    expect(tokenizer.decode(ids)).toBe(text);
    expect(ids.every((id) => id > 0 && id < tokenizer.vocabularySize)).toBe(true);
  });

  it('gives back any text', () => {
    fc.assert(
      fc.property(anyText(kind), (text) => {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
      }),
    );
  });

  it('gives U+FFFD for what is no text: halves of surrogate pairs, bytes that are no UTF-8', () => {
    const damaged = Buffer.from([0x61, 0xff, 0x62, 0xe4, 0xb8, 0x20, 0xc0, 0x80]).toString();
    expect(tokenizer.decode(tokenizer.encode(damaged))).toBe(damaged);
    expect(tokenizer.decode(tokenizer.encode('a\ud83db \udc00'))).toBe('a\uFFFDb \uFFFD');
  });

  it('prints tokens one by one in whole characters', () => {
    for (const text of corpus) {
      const pieces = tokenizer.encode(text).map(streamText(tokenizer));
      expect(pieces.join('')).toBe(text);
      if (text.includes('\uFFFD')) continue;
      expect(pieces.filter((piece) => piece.includes('\uFFFD'))).toEqual([]);
    }
  });

  it('prints any tokens as they read together, but for an end that is no whole character', () => {
    const tokens = fc.array(fc.integer({ min: 0, max: tokenizer.vocabularySize - 1 }));
    fc.assert(
      fc.property(tokens, (ids) => {
        const whole = tokenizer.decode(ids);
        const printed = ids.map(streamText(tokenizer)).join('');
        expect([whole, whole.replace(/\uFFFD$/, '')]).toContain(printed);
      }),
    );
  });
});
