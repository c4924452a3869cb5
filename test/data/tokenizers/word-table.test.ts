import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WordTable } from '../../../src/data/tokenizers/word-table.js';

describe('the table of words', () => {
  it('numbers words like a map from words to the order of their appearance', () => {
    const word = fc.oneof(
      fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1 }),
      fc.string({ unit: 'binary', minLength: 1 }),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 60 }), word, (words, other) => {
        const table = new WordTable();
        for (let round = 0; round < 2; round++) {
          const map = new Map<string, number>();
          for (const each of words) {
            const text = Buffer.from(`..${each}.`);
            const end = text.length - 1;
            expect(table.find(text, 2, end)).toBe(map.get(each) ?? -1);
            if (!map.has(each)) map.set(each, map.size);
            expect(table.add(text, 2, end)).toBe(map.get(each));
          }
          expect(table.size).toBe(map.size);
          const letters = Buffer.from(other);
          expect(table.find(letters, 0, letters.length)).toBe(map.get(other) ?? -1);
          for (const [each, index] of map) expect(table.word(index)).toBe(each);
          table.clear();
        }
      }),
    );
  });

  it('orders words as their texts are ordered', () => {
    const word = fc.string({
      unit: fc.constantFrom('a', 'é', '\ud7ff', '\ue000', '\uffee', '😀', '𐀀'),
    });
    fc.assert(
      fc.property(fc.uniqueArray(word, { minLength: 2, maxLength: 20 }), (words) => {
        const table = new WordTable();
        for (const each of words) table.add(Buffer.from(each), 0, Buffer.byteLength(each));
        const numbers = words.map((_, i) => i).sort((a, b) => table.compare(a, b));
        expect(numbers.map((number) => words[number])).toEqual([...words].sort());
      }),
    );
  });

  it('grows', () => {
    const table = new WordTable();
    const letters = (i: number): Buffer => Buffer.from(`word${i}`);
    for (let i = 0; i < 20_000; i++) expect(table.add(letters(i), 0, letters(i).length)).toBe(i);
    for (let i = 0; i < 20_000; i++) {
      expect(table.find(letters(i), 0, letters(i).length)).toBe(i);
      expect(table.word(i)).toBe(`word${i}`);
    }
    expect(table.find(letters(20_000), 0, 9)).toBe(-1);
  });
});
