import fc from 'fast-check';
import { expect, test } from 'vitest';
import { learningRateAt } from '../../src/optimizers/schedules.js';

const kinds = ['constant', 'linear', 'cosine'] as const;

function rates(kind: (typeof kinds)[number], warmupSteps: number, steps: number): number[] {
  const optimizer = { learningRate: 1, schedule: { kind, warmupSteps } };
  return Array.from({ length: steps }, (_, step) =>
    learningRateAt(optimizer, { step, steps, stepsPerEpoch: 10 }),
  );
}

test('a constant rate stays as it is', () => {
  expect(rates('constant', 0, 4)).toEqual([1, 1, 1, 1]);
});

test('a linear rate falls in equal steps, and the last step still learns', () => {
  expect(rates('linear', 0, 4)).toEqual([1, 0.75, 0.5, 0.25]);
});

test('a cosine rate falls slowly, fast, slowly: half way it is half', () => {
  const [first, second, third, fourth] = rates('cosine', 0, 4);
  expect(first).toBe(1);
  expect(second).toBeCloseTo((1 + Math.SQRT1_2) / 2, 12);
  expect(third).toBeCloseTo(0.5, 12);
  expect(fourth).toBeCloseTo((1 - Math.SQRT1_2) / 2, 12);
});

test.each(kinds)('%s: the warm-up rises in equal steps to the full rate', (kind) => {
  expect(rates(kind, 4, 12).slice(0, 5)).toEqual([0.25, 0.5, 0.75, 1, 1]);
});

test('for any warm-up and length the rate is above 0, at most the full one, and falls after the warm-up', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...kinds),
      fc.nat(50),
      fc.integer({ min: 1, max: 200 }),
      (...run) => {
        const all = rates(...run);
        for (const rate of all) expect(rate).toBeGreaterThan(0);
        for (const rate of all) expect(rate).toBeLessThanOrEqual(1);
        const after = all.slice(run[1]);
        expect(after).toEqual(after.toSorted((a, b) => b - a));
      },
    ),
  );
});
