import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  FeatureEncoder,
  FeatureReader,
  learnFeature,
  shapeOf,
  valuesOf,
} from '../../../src/data/features/features.js';

test.each([
  ['The', 'Xxx'],
  ['IBM', 'XX'],
  ['McDonald', 'XxXxx'],
  ['1990s', 'ddx'],
  ['$3.50', '$d.dd'],
  ['U.S.', 'X.X.'],
  ['Éa', 'Xx'],
  ['猫猫猫', 'xx'],
  ['....', '..'],
])('the shape of %s is %s', (word, shape) => {
  expect(shapeOf(word)).toBe(shape);
});

test('what is ASCII is read as anything else', () => {
  const word = fc.string({
    unit: fc.constantFrom('a', 'b', 'x', 'X', 'Q', 'Z', '0', '7', '.', '-', '$'),
  });
  const features = [
    { kind: 'prefix' as const, length: 2 },
    { kind: 'suffix' as const, length: 3 },
  ];
  fc.assert(
    fc.property(word, (ascii) => {
      const shape = ascii
        .replaceAll(/[A-Z]/g, 'X')
        .replaceAll(/[a-z]/g, 'x')
        .replaceAll(/\d/g, 'd');
      const short = shape.replaceAll(/(.)\1{2,}/g, '$1$1');
      expect([shapeOf(ascii), shapeOf(`${ascii}€`)]).toEqual([short, `${short}€`]);
      const [prefix] = valuesOf(features, `${ascii}éé`);
      const [, suffix] = valuesOf(features, `ééé${ascii}`);
      const letters = ascii.toLowerCase().replaceAll(/\d/g, '0');
      expect(prefix).toBe(`${letters}éé`.slice(0, 2));
      expect(suffix).toBe(`ééé${letters}`.slice(-3));
      expect(valuesOf(features, ascii)).toEqual([letters.slice(0, 2), letters.slice(-3)]);
    }),
  );
});

test('first and last letters are whole characters, capitals and digits alike', () => {
  const reader = new FeatureReader([
    { kind: 'prefix', length: 2 },
    { kind: 'suffix', length: 3 },
    { kind: 'column', column: 'pos' },
    { kind: 'suffix', length: 1 },
  ]);
  expect(reader.read(['Running', 'a', '1984', '😀😁😂😃'], [['VB', 'DT', 'CD', 'SYM']])).toEqual([
    ['ru', 'a', '00', '😀😁'],
    ['ing', 'a', '000', '😁😂😃'],
    ['VB', 'DT', 'CD', 'SYM'],
    ['g', 'a', '0', '😃'],
  ]);
});

test('the most frequent values have ids, ties in order, whatever the order of counting', () => {
  const counts = fc.uniqueArray(
    fc.tuple(fc.string({ maxLength: 3 }), fc.integer({ min: 1, max: 4 })),
    {
      selector: ([value]) => value,
    },
  );
  const limits = fc.record({
    minCount: fc.integer({ min: 1, max: 4 }),
    vocabularySize: fc.integer({ min: 2, max: 8 }),
  });
  fc.assert(
    fc.property(counts, limits, (given, options) => {
      const { values } = learnFeature({ kind: 'shape' }, options, new Map(given));
      expect(learnFeature({ kind: 'shape' }, options, new Map(given.toReversed()))).toEqual({
        ...{ kind: 'shape', values },
      });
      const countOf = new Map(given);
      // What is no word has an empty value.
      expect(values).not.toContain('');
      const frequent = given.filter(([value, count]) => value !== '' && count >= options.minCount);
      expect(values).toHaveLength(Math.min(frequent.length, options.vocabularySize - 1));
      const left = frequent.filter(([value]) => !values.includes(value));
      const least = Math.min(...values.map((value) => countOf.get(value)!));
      for (const [, count] of left) expect(count).toBeLessThanOrEqual(least);
    }),
  );
});

test('values that are not known have id 0', () => {
  const encoder = new FeatureEncoder([{ kind: 'suffix', length: 2, values: ['ed', 'ng'] }]);
  expect(encoder.encode(['walked', 'thing', 'cat', 'Fed', ''], [])).toEqual([[1, 2, 0, 1, 0]]);
});

test('halves of characters are known as what stands for them on the disk', () => {
  const encoder = new FeatureEncoder([{ kind: 'column', column: 'x', values: ['\uFFFD'] }]);
  expect(encoder.encode(['a'], [['\uD800']])).toEqual([[1]]);
});

test('spellings are letters with the case that they have, of long words both ends, unknown ones apart from none', () => {
  const spelled = { kind: 'letters' as const, maxLetters: 4 };
  const words = ['Ab', 'abcde', 'a😀', '\ud83d-\ude00', ''];
  expect(new FeatureReader([spelled]).read(words, [])).toEqual([
    ['Ab', 'abde', 'a😀', '\ufffd-\ufffd', ''],
  ]);
  const encoder = new FeatureEncoder([{ ...spelled, values: ['b', 'a', '😀', '\ufffd'] }]);
  expect(encoder.encode(words, [])).toEqual([
    [1, 2, 0, 0, 3, 2, 1, 1, 3, 4, 0, 0, 5, 1, 5, 0, 0, 0, 0, 0],
  ]);
});
