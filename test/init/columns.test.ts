import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readNumber } from '../../src/data/formats/numbers.js';
import { describeColumn } from '../../src/init/columns.js';
import { findNumberMarks } from '../../src/init/number-marks.js';
import { tries } from '../effort.js';

const column = (name: string, values: readonly string[], areNumbers = false) => ({
  ...{ name, values, areNumbers },
});
const marksOf = (...columns: string[][]) =>
  findNumberMarks(columns.map((values, i) => column(`c${i}`, values)));

describe('what the points and commas of numbers mean', () => {
  test.each([
    [
      'is not known of three digits beside whole numbers',
      ['1.250', '2.500', '3'],
      { unclear: '1.250' },
    ],
    ['nor of commas', ['1,250', '2,500', '3'], { unclear: '1,250' }],
    ['nor of commas alone', ['1,250', '2,500', '3,125'], { unclear: '1,250' }],
    ['is shown where all have three decimals', ['1.234', '2.500', '3.000'], { shown: '1.234' }],
    ['two points tell', ['1.234.567', '1.000', '7'], { mark: ',', shown: '1.000' }],
    ['decimals below 1 tell', ['0.125', '1.250', '3'], {}],
    ['more decimals tell', ['12.345678', '1.250', '3'], {}],
    ['fewer decimals tell', ['1.5', '1.250', '3'], {}],
    ['decimal commas tell', ['1.250', '12,5', '3'], { mark: ',', shown: '1.250' }],
    ['both marks in a number tell', ['1.250,00', '7.000', '3'], { mark: ',', shown: '7.000' }],
    ['commas between thousands', ['1,250.00', '7,000', '3'], { mark: '.', shown: '7,000' }],
    ['decimal commas alone', ['12,34', '5,6'], { mark: ',', shown: '12,34' }],
    ['thousands without a mark tell', ['1.250', '2.500', '1500', '3'], {}],
    [
      'but not where only four digits have none',
      ['12.500', '31.250', '1500', '3'],
      { unclear: '12.500' },
    ],
    [
      'nor one among many',
      [...Array.from({ length: 20 }, (_, i) => `${1 + i}.250`), '1500'],
      { unclear: '1.250' },
    ],
    ['blanks between thousands', ['1 250', '3', '12\u202F000'], { mark: '.', shown: '1 250' }],
    [
      'both among many',
      [...Array.from({ length: 98 }, (_, i) => `${1 + i}.250`), '0.5', '0,5'],
      { unclear: '1.250' },
    ],
    ['whole numbers', ['1', '1250', '-3'], {}],
    ['exponents', ['1e-3', '2.5E6'], {}],
    ['lists', ['1,2,3', '2,4'], undefined],
    ['words', ['1,5', 'two'], undefined],
    ['dates', ['01.02.2023', '3.4.2024'], undefined],
  ])('%s', (_, values, marks) => expect(marksOf(values)).toEqual([marks]));

  const unclear = ['1.250', '2.500', '3'];

  test('is told by other columns of the table, unless they contradict each other', () => {
    const commas = ['12,5', '0,25', '7'];
    const points = ['12.5', '0.25', '7'];
    expect(marksOf(unclear, commas)[0]).toEqual({ mark: ',', shown: '1.250', asIn: 'c1' });
    expect(marksOf(unclear, points)[0]).toEqual({ shown: '1.250', asIn: 'c1' });
    expect(marksOf(unclear, ['1', '2', '3'], unclear)[0]).toEqual({ unclear: '1.250' });
    expect(marksOf(unclear, commas, points)[0]).toEqual({ unclear: '1.250' });
  });

  test('is what the user says', () => {
    const said = (mark: '.' | ',', values: string[]) =>
      findNumberMarks([column('c', values)], mark)[0];
    expect(said('.', unclear)).toEqual({ mark: '.', shown: '1.250' });
    expect(said(',', unclear)).toEqual({ mark: ',', shown: '1.250' });
    expect(said(',', ['0.5', '1.25'])).toEqual({});
  });

  test('needs not be asked of numbers that are such in the file', () => {
    expect(findNumberMarks([column('c', ['1.459', '1.389', '2'], true)])).toEqual([{}]);
  });

  /** Writes numbers with decimals behind a mark, all with as many or as few as they have, and another mark between thousands, or none. */
  const writer = fc.record({
    mark: fc.constantFrom('.' as const, ',' as const),
    isGrouped: fc.boolean(),
    decimals: fc.integer({ min: 0, max: 4 }),
    isFixed: fc.boolean(),
  });
  type Writer = typeof writer extends fc.Arbitrary<infer W> ? W : never;
  const write = (value: number, { mark, isGrouped, decimals, isFixed }: Writer): string => {
    const fixed = value.toFixed(decimals);
    const [whole, rest] = (isFixed ? fixed : String(Number(fixed))).split('.') as [string, string?];
    const group = isGrouped ? (mark === '.' ? ',' : '.') : '';
    const grouped = whole.replace(/\B(?=(\d{3})+$)/g, group);
    return rest === undefined ? grouped : `${grouped}${mark}${rest}`;
  };

  test('is never told wrong: every number is read as it was meant, or nobody could know', () => {
    const numbers = fc
      .tuple(fc.constantFrom(2, 100, 5_000, 3_000_000), fc.integer({ min: 2, max: 60 }))
      .chain(([max, length]) =>
        fc.array(
          fc.integer({ min: -max * 1e4, max: max * 1e4 }).map((parts) => parts / 1e4),
          {
            minLength: length,
            maxLength: length,
          },
        ),
      );
    const table = fc.tuple(writer, fc.array(numbers, { minLength: 1, maxLength: 3 }));
    let known = 0;
    let unknown = 0;
    fc.assert(
      fc.property(table, ([how, columns]) => {
        const cells = columns.map((values) => values.map((value) => write(value, how)));
        marksOf(...cells).forEach((marks, i) => {
          if (marks?.unclear !== undefined) {
            unknown++;
            // By the other mark all could be read, too, as other numbers.
            const others = cells[i]!.map((cell) => readNumber(cell, how.mark === '.' ? ',' : '.'));
            expect(others).not.toContain(undefined);
            return;
          }
          const read = cells[i]!.map((cell) => readNumber(cell, marks?.mark));
          const meant = cells[i]!.map((cell) => readNumber(cell, how.mark));
          const isThousandth = read.every(
            (number, at) => Math.fround(number! * 1000) === meant[at],
          );
          // All with three digits behind a point: a thousandth of all of them, and shown.
          if (isThousandth && marks?.shown !== undefined) return;
          known++;
          expect(read).toEqual(meant);
        });
      }),
      { numRuns: tries(500), endOnFailure: true },
    );
    expect(known).toBeGreaterThan(unknown);
    expect(unknown).toBeGreaterThan(0);
  });
});

test('numbers with any mark are numbers', () => {
  const values = Array.from({ length: 40 }, (_, i) => `${i},${10 + i}`);
  const amounts = column('amount', values);
  const [numbers] = findNumberMarks([amounts]);
  expect(describeColumn(amounts, numbers)).toMatchObject({ kind: 'number', isWhole: false });
  const thousands = column('amount', ['1.250.000', '3', '1.250']);
  const facts = describeColumn(thousands, findNumberMarks([thousands])[0]);
  expect(facts).toMatchObject({ kind: 'number', isWhole: true });
});
