import { expect, test } from 'vitest';
import type { Answer } from '../../../src/commands/answers/answers.js';
import { KnownLabelSets } from '../../../src/commands/answers/known-label-sets.js';

const labels = ['A-', '-B', 'C'];

function describeAll(rows: readonly (readonly [known: string, told: number[]])[]): string[] {
  const known = new KnownLabelSets(labels, '--');
  known.add(
    rows.map(([label, ids], row): Answer => {
      const predicted = ids.map((id) => labels[id]!).join('--');
      return {
        row: { text: '', label, row, line: row + 1, source: 'a.csv' },
        prediction: { predicted, labels: ids, probabilities: [] },
      };
    }),
  );
  return known.describe();
}

test('labels that are told are counted as they are, whatever their names look like side by side', () => {
  expect(
    describeAll([
      ['C---B', [1, 2]],
      ['C', [0, 1]],
      ['C---B', [1]],
      ['C', [1, 2]],
      ['', []],
    ]),
  ).toEqual([
    'Exact match 40.0 %, F1 of the labels 61.5 %: all labels of 2 of 5 rows with known labels',
  ]);
});

test('where no row has a label none is known', () => {
  expect(
    describeAll([
      ['', []],
      [' ', [2]],
    ]),
  ).toEqual(['No row has known labels']);
});
