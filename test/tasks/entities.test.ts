import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { EntityScores, nameEntities } from '../../src/tasks/entities.js';
import type { ComparedBatch } from '../../src/tasks/task.js';

/** Rows of tags as they are and as they were predicted, and what conlleval (the Python package, 0.2) counts in them. */
interface Counted {
  rows: [truth: string, predicted: string][];
  /** True entities, predicted ones and those that are right; of all types, and of each. */
  all: [number, number, number];
  types: Record<string, [number, number, number]>;
}

const fixture = new URL('../fixtures/conlleval.json', import.meta.url);
const cases = JSON.parse(readFileSync(fixture, 'utf8')) as Counted[];

/** A batch whose tokens lie in memory from the last to the first. */
function batchOf(rows: Counted['rows'], classes: readonly string[]): ComparedBatch {
  const truths = rows.map(([truth]) => truth.split(' '));
  const tokens = truths.flat().length;
  const rowStart = Int32Array.from([0, ...truths.map(({ length }) => length)]);
  for (let row = 0; row < rows.length; row++) rowStart[row + 1]! += rowStart[row]!;
  const ids = (column: 0 | 1) =>
    Int32Array.from(rows.flatMap((row) => row[column].split(' ')).reverse(), (tag) =>
      classes.indexOf(tag),
    );
  return {
    ...{ rows: rows.length, rowStart, targets: ids(0), predicted: ids(1) },
    tokenPlaces: Int32Array.from({ length: tokens }, (_, token) => tokens - 1 - token),
  };
}

describe('entities', () => {
  test.each(cases.map((each, index) => ({ index, ...each })))(
    'are counted as conlleval counts them, case $index',
    ({ rows, all, types }) => {
      const classes = [...new Set(rows.flat().join(' ').split(' '))];
      const scores = new EntityScores(classes);
      // In two batches: sums go over all of them.
      scores.add(batchOf(rows.slice(0, 1), classes));
      scores.add(batchOf(rows.slice(1), classes));
      const { precision, recall, f1, entities } = scores.result();
      const share = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);
      const [gold, guessed, right] = all;
      expect(precision).toBeCloseTo(share(right, guessed), 12);
      expect(recall).toBeCloseTo(share(right, gold), 12);
      expect(f1).toBeCloseTo(share(2 * right, gold + guessed), 12);
      const found = Object.entries(entities!).filter(([, { f1, support }]) => f1 + support > 0);
      for (const [type, { precision, recall, support }] of found) {
        const [gold, guessed, right] = types[type]!;
        expect({ type, precision, recall, support }).toEqual({
          ...{ type, precision: share(right, guessed), recall: share(right, gold), support: gold },
        });
      }
    },
  );

  test('are looked for where tags name some', () => {
    expect(nameEntities(['O', 'I-NP'])).toBe(true);
    expect(nameEntities(['NN', 'VB-past', 'O'])).toBe(false);
  });
});
