import { expect, test } from 'vitest';
import { clip, smooth } from '../../src/page/lines.js';
import { phaseLines } from '../../src/page/phases.js';
import type { ShownRun } from '../../src/page/shown-run.js';
import { mergeSeries } from '../../src/page/store.js';
import { rangeOfAxis } from '../../src/page/ticks.js';

test('smoothing has no bias towards the first value, leaves gaps, and none leaves all as it is', () => {
  expect(smooth([4, null, 4, 4], 0.9)).toEqual([
    expect.closeTo(4),
    null,
    expect.closeTo(4),
    expect.closeTo(4),
  ]);
  expect(smooth([1, 3], 0.5)[1]).toBeCloseTo((0.25 * 1 + 0.5 * 3) / 0.75);
  expect(smooth([1, null, 3], 0)).toEqual([1, null, 3]);
});

test('an axis of nothing but zeros ends at 1, any other where it did', () => {
  const usual = (least: number, most: number): [number, number] => [least - 1, most + 1];
  expect(rangeOfAxis(0, 0, usual)).toEqual([0, 1]);
  expect(rangeOfAxis(0, 0.5, usual)).toEqual([-1, 1.5]);
  expect(rangeOfAxis(3, 3, usual)).toEqual([2, 4]);
});

test('a stretch of a line reaches one point beyond on either side', () => {
  const line = {
    label: 'a',
    color: '--ink',
    run: 'r',
    steps: [1, 2, 3, 4, 5],
    mean: [1, 2, 3, 4, 5],
  };
  expect(clip(line, 3, 3).steps).toEqual([2, 3, 4]);
  expect(clip(line, 0, 9).steps).toEqual([1, 2, 3, 4, 5]);
});

test('phases are stacked, few points each, small ones together, and their sum is what they sum up to', () => {
  const steps = Array.from({ length: 1000 }, (_, at) => at + 1);
  const column = (value: number) => ({ mean: steps.map(() => value) });
  const series = mergeSeries(undefined, {
    ...{ from: 0, first: steps, last: steps, count: steps.map(() => 1) },
    columns: {
      'phase:train': column(3),
      'phase:update': column(1),
      'phase:a': column(0.01),
      'phase:b': column(0.02),
      loss: column(9),
    },
  });
  const run = { facts: { id: 'r' }, data: { series: new Map([['step', series]]) } };
  const lines = phaseLines(run as unknown as ShownRun);
  expect(lines.map(({ label }) => label)).toEqual(['train', 'update', 'others']);
  expect(lines.map(({ mean }) => mean[50])).toEqual([3, 4, expect.closeTo(4.03)]);
  expect(lines[0]!.steps).toHaveLength(100);
  expect(lines[0]!.steps.at(-1)).toBe(1000);
});
