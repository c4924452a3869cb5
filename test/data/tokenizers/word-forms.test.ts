import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hasCase, listWords, WordForms } from '../../../src/data/tokenizers/word-forms.js';
import { WordSplitter } from '../../../src/data/tokenizers/word-splitter.js';

test('lower-casing gives and takes no character without case', () => {
  const odd = new Set<string>();
  for (let point = 0; point <= 0x10ffff; point++) {
    const character = String.fromCodePoint(point);
    const lower = character.toLowerCase();
    if (lower === character) continue;
    for (const each of [character, ...Array.from(lower)]) if (!hasCase(each)) odd.add(each);
  }
  expect(odd).toEqual(new Set());
});

const characters = [...Array.from('aAσΣςİKkßẞ\u0307ǅ😀猫.,;| \t\n\r-0'), '\uD800'];
const options = fc.record({
  filters: fc.constantFrom('', '.,', '猫;\t', '.\n'),
  split: fc.constantFrom(' ', '|', ', ', '😀'),
  lowerCase: fc.boolean(),
  zeroDigits: fc.boolean(),
  lineEnd: fc.constantFrom(undefined, '<eos>', 'a'),
});
const text = fc.string({ unit: fc.constantFrom(...characters), maxLength: 24 });

test('there is a form for each word of a text, which is the word but for its case; marks have none', () => {
  fc.assert(
    fc.property(options, text, fc.boolean(), (given, written, keepsCase) => {
      const marks = ['<eos>', 'k'];
      const words = listWords(new WordSplitter(given), written);
      const forms = new WordForms(given, marks, keepsCase).of(written);
      expect(forms).toHaveLength(words.length);
      // How a sigma is lower-cased depends on what stands behind the word.
      const alike = (word: string): string => word.toLowerCase().replaceAll('ς', 'σ');
      words.forEach((word, i) => {
        expect(alike(forms[i]!)).toBe(marks.includes(word) ? '' : alike(word));
        if (!given.lowerCase) expect(forms[i]).toBe(marks.includes(word) ? '' : word);
      });
    }),
    { numRuns: 500 },
  );
});

test('forms have the capitals of the text where these count', () => {
  const given = { filters: '.', lowerCase: true, split: ' ' };
  expect(new WordForms(given, [], true).of('The IBM. the')).toEqual(['The', 'IBM', 'the']);
  expect(new WordForms(given, [], false).of('The IBM. the')).toEqual(['the', 'ibm', 'the']);
});
