import { expect, test } from 'vitest';
import { describeColumn } from '../../src/init/columns.js';

const marksOf = (values: readonly string[]) => describeColumn({ name: 'amount', values }).marks;

test.each([
  [
    'points between thousands beside smaller amounts',
    ['999', '1.000', '12.500', '7', '1.250', '3.100', '2.000'],
    'thousands',
  ],
  ['two points in a number', ['1.234.567', '1.000', '2.000', '3.000', '4.000'], 'thousands'],
  ['three decimals each', ['1.234', '2.500', '12.125', '3.000', '4.000'], 'decimals'],
  ['decimals below 1', ['0.123', '1.234', '2.500', '12.125', '3.000', '4.000'], undefined],
  [
    'decimals of several lengths beside whole numbers',
    ['1.5', '2', '3.125', '4.25', '5', '6.375'],
    undefined,
  ],
  [
    'a thousand without a point',
    ['1.000', '1.250', '2.000', '3.000', '4.000', '1500', '7'],
    undefined,
  ],
  ['few numbers with points', ['1.125', '2', '3.375', '4'], undefined],
  ['decimal commas', ['1,5', '2', '3,25'], 'commas'],
  ['words among them', ['1,5', 'two'], undefined],
])('%s', (_, values, marks) => expect(marksOf(values)).toBe(marks));

test('numbers whose points stand between thousands are no numbers that can be read', () => {
  const values = Array.from({ length: 40 }, (_, i) =>
    i % 3 === 0 ? `${100 + i}` : `${i}.${100 + i}`,
  );
  expect(describeColumn({ name: 'amount', values })).toMatchObject({
    kind: 'written number',
    isNumeric: false,
  });
});
