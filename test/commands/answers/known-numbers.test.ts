import { expect, test } from 'vitest';
import type { Answer } from '../../../src/commands/answers/answers.js';
import { KnownNumbers } from '../../../src/commands/answers/known-numbers.js';
import type { DecimalMark } from '../../../src/data/formats/numbers.js';

function describeAll(labels: readonly (string | undefined)[], mark?: DecimalMark): string[] {
  const known = new KnownNumbers(mark);
  known.add(
    labels.map((label, row): Answer => {
      const place = { text: '', row, line: row + 1, source: 'a.csv' };
      return {
        row: label === undefined ? place : { ...place, label },
        prediction: { predicted: 2, probabilities: [] },
      };
    }),
  );
  return known.describe();
}

test('numbers that the mark of the run does not read are told, and measure nothing', () => {
  expect(describeAll(['3', '1,250.5', '1250.5', '4,0'], ',')).toEqual([
    'RMSE 1.581, mean absolute error 1.5: 2 rows with a known number',
    "2 rows with a label that is no number with the run's data.decimalMark: ','; the first is a.csv, line 2: \"1,250.5\"",
  ]);
  expect(describeAll(['3,5'])).toEqual([
    '1 row with a label that is no number; the first is a.csv, line 1: "3,5"',
  ]);
});

test('rows without a number are not counted', () => {
  expect(describeAll(['', ' ', undefined, '3'])).toEqual([
    'RMSE 1, mean absolute error 1: 1 row with a known number',
  ]);
  expect(describeAll([''])).toEqual([]);
});
