import { describe, expect, test } from 'vitest';
import { digestText } from '../../src/checkpoint/run-state.js';
import { formatVocabulary, parseVocabulary } from '../../src/checkpoint/vocabulary-file.js';
import { configSchema } from '../../src/config/schema.js';
import { fitTokenizer } from '../data/tokenizers/fit.js';

/** With all that a word tokenizer may have beside. */
const options = { kind: 'word', minCount: 1, lineEnd: '<eos>', zeroDigits: true };
const { data } = configSchema.parse({
  task: 'language-model',
  data: { train: 'x.txt', tokenizer: options },
});
const tokenizer = fitTokenizer(data.tokenizer, ['the cat sat\non 12 mats\n']);
const text = formatVocabulary({ tokenizer, classes: [] });

/** As it was written of a tokenizer that had just been trained, before all were written in one order. */
const older = (() => {
  const { kind, filters, lowerCase, split, zeroDigits, lineEnd, outOfVocabulary, words } = (
    JSON.parse(text) as { tokenizer: Record<string, unknown> }
  ).tokenizer;
  const first = { kind, filters, lowerCase, split, zeroDigits, lineEnd, outOfVocabulary, words };
  return `${JSON.stringify({ tokenizer: first, classes: [] })}\n`;
})();

describe('the text of a vocabulary', () => {
  test('is the same of a tokenizer that was just trained and of one that was read', () => {
    const read = parseVocabulary('vocabulary.json', text, digestText(text));
    expect(formatVocabulary(read)).toBe(text);
  });

  test('is read whichever of the orders it and the checkpoint have, which runs before had', () => {
    expect(older).not.toBe(text);
    for (const written of [text, older]) {
      for (const known of [text, older]) {
        const read = parseVocabulary('vocabulary.json', written, digestText(known));
        expect(formatVocabulary(read)).toBe(text);
      }
    }
  });

  test('of other words, or of none, is refused', () => {
    const other = text.replace('"cat"', '"dog"');
    for (const damaged of [other, text.slice(1)]) {
      expect(() => parseVocabulary('vocabulary.json', damaged, digestText(text))).toThrow(
        /^vocabulary\.json: damaged or of another run/,
      );
    }
    expect(() => parseVocabulary('vocabulary.json', '{}', digestText('{}'))).toThrow(
      'vocabulary.json: damaged: expected a vocabulary as lockstep writes it',
    );
  });
});
