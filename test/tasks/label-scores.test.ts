import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LabelScores } from '../../src/tasks/label-scores.js';
import type { ComparedBatch } from '../../src/tasks/task.js';
import { addLabel, wordsOf } from '../../src/tensor/label-sets.js';

/** By row: whether it has each label, and whether it was told to have. */
type Row = [truth: boolean, told: boolean][];

const cases = fc
  .integer({ min: 1, max: 70 })
  .chain((labels) =>
    fc.array(
      fc.array(fc.tuple(fc.boolean(), fc.boolean()), { minLength: labels, maxLength: labels }),
      { minLength: 1, maxLength: 12 },
    ),
  );

function batchOf(rows: readonly Row[]): ComparedBatch {
  const words = wordsOf(rows[0]!.length);
  const pack = (side: 0 | 1): Int32Array => {
    const sets = new Int32Array(rows.length * words);
    rows.forEach((row, r) => row.forEach((pair, c) => pair[side] && addLabel(sets, r * words, c)));
    return sets;
  };
  const none = new Int32Array(0);
  const [targets, predicted] = [pack(0), pack(1)];
  return { rows: rows.length, targets, predicted, rowStart: none, tokenPlaces: none };
}

const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

function scoresOf(pairs: Row) {
  const right = pairs.filter(([truth, told]) => truth && told).length;
  const support = pairs.filter(([truth]) => truth).length;
  const predicted = pairs.filter(([, told]) => told).length;
  const precision = share(right, predicted);
  const recall = share(right, support);
  return { precision, recall, f1: share(2 * right, support + predicted), support };
}

test('scores of labels, of all of them together and their means are those of their definitions, over any batches', () => {
  fc.assert(
    fc.property(cases, fc.nat(12), (rows, cut) => {
      const names = rows[0]!.map((_, c) => `label ${c}`);
      const scores = new LabelScores(names);
      for (const batch of [rows.slice(0, cut), rows.slice(cut)]) {
        if (batch.length > 0) scores.add(batchOf(batch));
      }
      const each = names.map((_, c) => scoresOf(rows.map((row) => row[c]!)));
      const { precision, recall, f1 } = scoresOf(rows.flat());
      const { labels, macro, ...micro } = scores.result();
      expect(micro).toEqual({ precision, recall, f1 });
      expect(labels).toEqual(Object.fromEntries(names.map((name, c) => [name, each[c]])));
      for (const key of ['precision', 'recall', 'f1'] as const) {
        const mean = each.reduce((sum, score) => sum + score[key], 0) / each.length;
        expect(macro![key]).toBeCloseTo(mean, 12);
      }
    }),
  );
});
