import { describe, expect, it } from 'vitest';
import { configSchema } from '../../../src/config/schema.js';
import { tokenizerFromJson } from '../../../src/data/tokenizers/kinds.js';
import { serializedTokenizerSchema } from '../../../src/data/tokenizers/serialized.js';
import type { Tokenizer } from '../../../src/data/tokenizers/tokenizer.js';
import { fitTokenizer } from './fit.js';

function fit(texts: string[], options: Record<string, unknown> = {}): Tokenizer {
  const { data } = configSchema.parse({
    task: 'classify',
    data: { train: 'x.csv', tokenizer: { kind: 'word', minCount: 1, ...options } },
  });
  return fitTokenizer(data.tokenizer, texts);
}

const cat = 'The cat sat on the mat. The cat!';

describe('the word tokenizer, by the rules of Keras', () => {
  it('numbers words from 1 by count, equal counts by first appearance', () => {
    const tokenizer = fit([cat, 'A dog sat'], { outOfVocabulary: null });
    expect(tokenizer.toJSON()).toMatchObject({
      words: ['the', 'cat', 'sat', 'on', 'mat', 'a', 'dog'],
    });
    expect(tokenizer.encode('the dog on the mat')).toEqual([1, 7, 4, 1, 5]);
    expect(tokenizer.vocabularySize).toBe(8);
  });

  it('gives the unknown word id 1 and maps unseen words to it', () => {
    const tokenizer = fit([cat], { outOfVocabulary: '<OOV>' });
    expect(tokenizer.encode('the zebra sat')).toEqual([2, 1, 4]);
    expect(tokenizer.emptyToken).toBe(1);
  });

  it('drops unseen words where there is no unknown word', () => {
    const tokenizer = fit([cat], { outOfVocabulary: null });
    expect(tokenizer.encode('the zebra sat')).toEqual([1, 3]);
    expect(tokenizer.encode('zebra')).toEqual([]);
    expect(tokenizer.emptyToken).toBe(0);
  });

  it('keeps ids below num_words, the unknown word counted', () => {
    const dropping = fit([cat], { outOfVocabulary: null, vocabularySize: 3 });
    expect(dropping.encode('the cat sat on')).toEqual([1, 2]);
    expect(dropping.vocabularySize).toBe(3);
    const mapping = fit([cat], { outOfVocabulary: 'oov', vocabularySize: 3 });
    expect(mapping.encode('the cat sat on')).toEqual([2, 1, 1, 1]);
    expect(mapping.vocabularySize).toBe(3);
  });

  it('lets a word of the text that equals the unknown token take its id', () => {
    const tokenizer = fit(['unk a a b'], { outOfVocabulary: 'unk' });
    expect(tokenizer.toJSON()).toMatchObject({ words: ['unk', 'a', 'unk', 'b'] });
    expect(tokenizer.encode('zebra unk a b')).toEqual([3, 3, 2, 4]);
  });

  it('splits at blanks and its filters alone: apostrophes and carriage returns stay', () => {
    const tokenizer = fit(["it's a_b\tc\nd;e  f\r\ng\u00a0h"], { outOfVocabulary: null });
    expect(tokenizer.toJSON()).toMatchObject({
      words: ["it's", 'a', 'b', 'c', 'd', 'e', 'f\r', 'g\u00a0h'],
    });
  });

  it('honours filters, case and split', () => {
    const tokenizer = fit(['A,b|a,B.c'], {
      filters: '|',
      split: ',',
      lowerCase: false,
      outOfVocabulary: null,
    });
    expect(tokenizer.toJSON()).toMatchObject({ words: ['A', 'b', 'a', 'B.c'] });
  });

  it('splits by a separator of several characters', () => {
    const tokenizer = fit(['one::two;three::::one:x'], {
      filters: ';😀',
      split: '::',
      outOfVocabulary: null,
    });
    expect(tokenizer.toJSON()).toMatchObject({ words: ['one', 'two', 'three', 'one:x'] });
    expect(tokenizer.encode('two😀one')).toEqual([2, 1]);
  });

  it('leaves out words that are rarer than the minimum count', () => {
    const tokenizer = fit([cat], { minCount: 2, outOfVocabulary: '<unk>' });
    expect(tokenizer.toJSON()).toMatchObject({ words: ['<unk>', 'the', 'cat'] });
    expect(tokenizer.encode('the cat sat')).toEqual([2, 3, 1]);
  });

  it('takes names of object members for words like any other', () => {
    const words = ['tostring', '__proto__', 'constructor', 'hasownproperty'];
    const tokenizer = fit([words.join(' ')], { outOfVocabulary: null, filters: ' ' });
    expect(tokenizer.encode('__proto__ toString valueOf constructor')).toEqual([2, 1, 3]);
    expect(tokenizer.decode([2, 1, 3])).toBe('__proto__ tostring constructor');
  });

  it('survives JSON', () => {
    const tokenizer = fit([cat, 'Ünïcödé 猫 "quoted" \ud800'], { filters: '.', minCount: 1 });
    const json: unknown = JSON.parse(JSON.stringify(tokenizer));
    const again = tokenizerFromJson(serializedTokenizerSchema.parse(json));
    const text = `${cat} ünïcödé 猫 \ud800 new`;
    expect(again.encode(text)).toEqual(tokenizer.encode(text));
    expect(again.vocabularySize).toBe(tokenizer.vocabularySize);
  });

  it('cuts a text that goes on behind white space, never inside a word', () => {
    const tokenizer = fit([cat]);
    expect(tokenizer.cut('the cat. sa')).toBe(9);
    expect(tokenizer.cut('thecat.sa')).toBe(0);
  });
});
