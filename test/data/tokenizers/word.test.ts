import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../../src/config/schema.js';
import { tokenizerFromJson } from '../../../src/data/tokenizers/kinds.js';
import { serializedTokenizerSchema } from '../../../src/data/tokenizers/serialized.js';
import type { Tokenizer } from '../../../src/data/tokenizers/tokenizer.js';
import { streamText } from '../../../src/data/tokenizers/text-stream.js';
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

describe('words of language models', () => {
  const ptb = ' a b <unk> N \n b <unk> \n';
  const options = { filters: '', lowerCase: false, unknownToken: '<unk>', lineEnd: '<eos>' };

  it('has one token for what the text and the vocabulary do not know', () => {
    const tokenizer = fit([ptb], options);
    expect(tokenizer.toJSON()).toMatchObject({ words: ['<unk>', 'b', '<eos>', 'a', 'N'] });
    expect(tokenizer.vocabularySize).toBe(6);
    expect(tokenizer.emptyToken).toBe(1);
    expect(tokenizer.encode('a <unk> new\n')).toEqual([4, 1, 1, 3]);
    const dropped = fit([ptb], { ...options, outOfVocabulary: null });
    expect(dropped.encode('new')).toEqual([1]);
  });

  it('ends lines, also those of another system, and writes them', () => {
    const tokenizer = fit([ptb], options);
    expect(tokenizer.encode('a b\r\nb\n\n\r\n\rb')).toEqual([4, 2, 3, 2, 3, 3, 3, 1]);
    expect(tokenizer.decode(tokenizer.encode('a b\n\nN b\n'))).toBe('a b\n\nN b\n');
    const next = streamText(tokenizer, 'a b');
    expect([3, 4, 2, 3].map(next)).toEqual(['\n', 'a', ' b', '\n']);
  });

  it('has the line end in its vocabulary however rare it is', () => {
    const rare = fit(['a a a b b c c\n'], { ...options, minCount: 2 });
    expect(rare.toJSON()).toMatchObject({ words: ['<unk>', 'a', 'b', 'c', '<eos>'] });
    const full = fit(['a a a b b c c\n'], { ...options, vocabularySize: 4 });
    expect(full.toJSON()).toMatchObject({ words: ['<unk>', 'a', '<eos>'] });
    expect(full.encode('a b\n')).toEqual([2, 1, 3]);
  });

  it('cuts and encodes alike whether separators are single bytes or not, in parts as in whole', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', 'é', ' ', '\n', '\r', '\r\n', '.'),
      maxLength: 30,
    });
    const fast = fit(['a é .\n'], options);
    const slow = fit(['a é .\n'], { ...options, filters: '猫' });
    fc.assert(
      fc.property(text, (each) => {
        const ids = fast.encode(each);
        expect(slow.encode(each)).toEqual(ids);
        const at = fast.cut(each);
        expect([...fast.encode(each.slice(0, at)), ...fast.encode(each.slice(at))]).toEqual(ids);
      }),
    );
  });

  it('survives JSON, and a tokenizer without these tokens is written as before', () => {
    const tokenizer = fit([ptb], options);
    const json: unknown = JSON.parse(JSON.stringify(tokenizer));
    const again = tokenizerFromJson(serializedTokenizerSchema.parse(json));
    expect(again.encode('a\nb')).toEqual(tokenizer.encode('a\nb'));
    expect(Object.keys(fit([ptb]).toJSON())).not.toContain('lineEnd');
  });
});
