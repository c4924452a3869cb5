import { expect, it } from 'vitest';
import { ConfusionCounts } from '../../../src/train/shown/confusion-counts.js';

const noTokens = { rowStart: new Int32Array(1), tokenPlaces: new Int32Array(0) };

it('of many classes the thirty most frequent are told apart, in the order of their ids, and the others are one', () => {
  const classes = Array.from({ length: 40 }, (_, id) => `class ${id}`);
  // Ids 5 to 14 are the rarest.
  const frequencies = classes.map((_, id) => (id >= 5 && id < 15 ? 1 : 100 + id));
  const confusion = new ConfusionCounts(classes, frequencies);
  expect(confusion.classes).toEqual([...classes.filter((_, id) => id < 5 || id >= 15), '(others)']);
  const targets = Int32Array.from([0, 0, 4, 15, 7, 14, 39]);
  const predicted = Int32Array.from([0, 4, 5, 15, 8, 0, 39]);
  confusion.add({ ...noTokens, rows: 7, targets, predicted }, false);
  const at = (truth: string, told: string): number =>
    confusion.counts[confusion.classes.indexOf(truth)]![confusion.classes.indexOf(told)]!;
  expect(at('class 0', 'class 0')).toBe(1);
  expect(at('class 0', 'class 4')).toBe(1);
  expect(at('class 4', '(others)')).toBe(1);
  expect(at('class 15', 'class 15')).toBe(1);
  expect(at('(others)', '(others)')).toBe(1);
  expect(at('(others)', 'class 0')).toBe(1);
  expect(at('class 39', 'class 39')).toBe(1);
  expect(confusion.counts.flat().reduce((sum, count) => sum + count, 0)).toBe(7);
});

it('of tokens those are counted that rows have, at the places where they lie', () => {
  const confusion = new ConfusionCounts(['A', 'B'], [1, 1]);
  const batch = {
    ...{ rows: 2, rowStart: Int32Array.from([0, 2, 3]), tokenPlaces: Int32Array.from([4, 1, 2]) },
    targets: Int32Array.from([9, 1, 0, 9, 0]),
    predicted: Int32Array.from([9, 0, 0, 9, 1]),
  };
  confusion.add(batch, true);
  expect(confusion.counts).toEqual([
    [1, 1],
    [1, 0],
  ]);
});
