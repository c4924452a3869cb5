import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Kept } from '../../../src/data/features/features.js';
import { hasCase, listWords, WordForms } from '../../../src/data/tokenizers/word-forms.js';
import { WordSplitter } from '../../../src/data/tokenizers/word-splitter.js';
import { tries } from '../../effort.js';

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

const characters = [...Array.from('aAσΣςİKkßẞ\u0307ǅ😀猫.,;| \t\n\r-07'), '\uD800'];
const options = fc.record({
  filters: fc.constantFrom('', '.,', '猫;\t', '.\n'),
  split: fc.constantFrom(' ', '|', ', ', '😀'),
  lowerCase: fc.boolean(),
  zeroDigits: fc.boolean(),
  lineEnd: fc.constantFrom(undefined, '<eos>', 'a'),
});
const text = fc.string({ unit: fc.constantFrom(...characters), maxLength: 24 });

const kept = fc.record({ case: fc.boolean(), digits: fc.boolean() });

test('there is a form for each word of a text, which is the word but for its case and digits; marks have none', () => {
  fc.assert(
    fc.property(options, text, kept, (given, written, keeps) => {
      const marks = ['<eos>', 'k', '0'];
      const words = listWords(new WordSplitter(given), written);
      const forms = new WordForms(given, marks, keeps).of(written);
      expect(forms).toHaveLength(words.length);
      // How a sigma is lower-cased depends on what stands behind the word.
      const alike = (word: string): string =>
        word.toLowerCase().replaceAll('ς', 'σ').replaceAll('7', '0');
      words.forEach((word, i) => {
        expect(alike(forms[i]!)).toBe(marks.includes(word) ? '' : alike(word));
        if (given.lowerCase || given.zeroDigits) return;
        expect(forms[i]).toBe(marks.includes(word) ? '' : word);
      });
    }),
    { numRuns: tries(200) },
  );
});

test('forms have the capitals and the digits of the text where these count', () => {
  const given = { filters: '.', lowerCase: true, zeroDigits: true, split: ' ' };
  const formsOf = (keeps: Kept): string[] =>
    new WordForms(given, ['oov'], keeps).of('The IBM. 360 OOV');
  expect(formsOf({ case: true, digits: true })).toEqual(['The', 'IBM', '360', '']);
  expect(formsOf({ case: true, digits: false })).toEqual(['The', 'IBM', '000', '']);
  expect(formsOf({ case: false, digits: true })).toEqual(['the', 'ibm', '360', '']);
});
