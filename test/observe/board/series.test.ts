import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CAPACITY, Series } from '../../../src/observe/board/series.js';
import { mergeSeries, type SeriesData } from '../../../src/page/store.js';

/** A series of one column. */
function fill(points: readonly (readonly [step: number, value: number])[]): Series {
  const series = new Series();
  points.forEach(([step, value], at) => {
    if (series.begin(step, at, at + 1)) series.put('y', value);
  });
  return series;
}

describe('a series', () => {
  test('of as few steps as buckets has each value as it is', () => {
    const points = Array.from({ length: 1000 }, (_, at) => [at + 1, at / 7] as const);
    const { first, last, count, columns } = fill(points).since(0)!;
    expect(first).toEqual(points.map(([step]) => step));
    expect(last).toEqual(first);
    expect(new Set(count)).toEqual(new Set([1]));
    expect(Object.keys(columns['y']!)).toEqual(['mean']);
    columns['y']!.mean.forEach((value, at) => expect(value).toBeCloseTo(at / 7, 3));
  });

  test('of a million steps is bounded, keeps its mean, and a single spike stays', () => {
    const steps = 1_000_000;
    const series = new Series();
    for (let step = 1; step <= steps; step++) {
      series.begin(step, step, step);
      series.put('y', step === 654_321 ? 1e6 : 1);
    }
    const { count, columns } = series.since(0)!;
    expect(series.length).toBeGreaterThan(CAPACITY / 2 - 1);
    expect(series.length).toBeLessThanOrEqual(CAPACITY);
    expect(count.reduce((sum, each) => sum + each, 0)).toBe(steps);
    const { mean, min, max } = columns['y']!;
    expect(Math.max(...(max as number[]))).toBe(1e6);
    expect(Math.min(...(min as number[]))).toBe(1);
    const total = mean.reduce<number>((sum, value, at) => sum + value! * count[at]!, 0);
    expect(total / steps).toBeCloseTo((steps - 1 + 1e6) / steps, 4);
  });

  test('leaves a gap where there is no finite value, and passes over steps that come too late', () => {
    const series = fill([
      [1, 5],
      [2, NaN],
      [3, 7],
      [2, 100],
    ]);
    expect(series.since(0)!.columns['y']!.mean).toEqual([5, null, 7]);
  });

  test('told in any pieces is the same as told at once', () => {
    const steps = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6000 });
    fc.assert(
      fc.property(steps, fc.infiniteStream(fc.integer({ min: 1, max: 900 })), (gaps, pieces) => {
        const series = new Series();
        let known: SeriesData | undefined;
        let told = 0;
        let next = pieces.next().value as number;
        let step = 0;
        gaps.forEach((gap, at) => {
          step += gap;
          series.begin(step, at, at + 1);
          series.put('y', Math.sin(at));
          if (at % 3 === 0) series.put('z', at);
          if (at + 1 < next && at + 1 < gaps.length) return;
          const update = series.since(told);
          if (update !== undefined) known = mergeSeries(known, update);
          told = at + 1;
          next = told + (pieces.next().value as number);
        });
        expect(known).toEqual(mergeSeries(undefined, series.since(0)!));
      }),
      { numRuns: 60 },
    );
  });

  test('knows where in a log a step is to be looked for', () => {
    const series = fill([
      [10, 1],
      [20, 1],
      [30, 1],
    ]);
    expect([5, 10, 19, 20, 99].map((step) => series.offsetOf(step))).toEqual([
      undefined,
      0,
      0,
      1,
      2,
    ]);
  });
});
