import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { optimizerSchema } from '../../src/config/optimizer-schema.js';
import { adviceSchema, followEvaluation, type Advice } from '../../src/optimizers/evaluations.js';
import { describeWarmup, learningRateAt } from '../../src/optimizers/schedules.js';

const kinds = ['constant', 'linear', 'cosine', 'step', 'exponential'] as const;
const own = { every: 3, unit: 'step', gamma: 0.99 };

function rates(kind: (typeof kinds)[number], warmupSteps: number, steps: number): number[] {
  const optimizer = { learningRate: 1, schedule: { ...own, kind, warmupSteps } };
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

test.each(kinds)('%s: a warm-up that takes all of the run, or more, rises all the same', (kind) => {
  expect(rates(kind, 4, 4)).toEqual([0.25, 0.5, 0.75, 1]);
  expect(rates(kind, 8, 4)).toEqual([0.125, 0.25, 0.375, 0.5]);
});

test('a warm-up that the run does not outlast is told', () => {
  expect(describeWarmup(4, 4)).toBe(
    'train.optimizer.schedule.warmupSteps: the learning rate rises for 4 steps, and the run ends after 4: ' +
      'the schedule that was to follow never begins.',
  );
  for (const [warmup, steps] of [
    [4, 5],
    [0, 5],
    [0, 0],
  ] as const) {
    expect(describeWarmup(warmup, steps)).toBeUndefined();
  }
});

test('the warm-up of one cycle rises to the rate that it begins with', () => {
  const options = { risingShare: 0.5, startDivisor: 8, endDivisor: 10 };
  const schedule = { kind: 'one-cycle', warmupSteps: 4, ...options };
  const first = Array.from({ length: 5 }, (_, step) =>
    learningRateAt({ learningRate: 8, schedule }, { step, steps: 24, stepsPerEpoch: 10 }),
  );
  expect(first).toEqual([0.25, 0.5, 0.75, 1, 1]);
});

/** What PyTorch's schedulers come to (scripts/pytorch_training.py). */
const fixtures = JSON.parse(
  readFileSync(new URL('../fixtures/pytorch/schedules.json', import.meta.url), 'utf8'),
) as { schedule: { kind: string; warmupSteps: number }; stepsPerEpoch: number; rates: number[] }[];

test.each(fixtures)(
  "$schedule has the rates of PyTorch's scheduler",
  ({ schedule, stepsPerEpoch, rates }) => {
    rates.forEach((rate, step) => {
      const moment = { step, steps: rates.length, stepsPerEpoch };
      // PyTorch multiplies from step to step: some 20 roundings of 1e-16.
      expect(learningRateAt({ learningRate: 1, schedule }, moment)).toBeCloseTo(rate, 13);
    });
  },
);

test('one cycle stays above 0 and at most at the full rate, however short the run', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60 }),
      fc.double({ min: 0.01, max: 0.99, noNaN: true }),
      (steps, risingShare) => {
        const schedule = { kind: 'one-cycle', warmupSteps: 0, risingShare };
        const options = { startDivisor: 25, endDivisor: 100 };
        const all = Array.from({ length: steps }, (_, step) =>
          learningRateAt(
            { learningRate: 1, schedule: { ...schedule, ...options } },
            { step, steps, stepsPerEpoch: 1 },
          ),
        );
        expect(Math.min(...all)).toBeGreaterThan(0);
        expect(Math.max(...all)).toBeLessThanOrEqual(1);
      },
    ),
  );
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

/** What PyTorch's ReduceLROnPlateau makes of the losses of evaluations. */
const plateaus = JSON.parse(
  readFileSync(new URL('../fixtures/pytorch/plateaus.json', import.meta.url), 'utf8'),
) as { losses: number[]; runs: { options: Record<string, number>; rates: number[] }[] };

/** An optimizer whose rate falls on plateaus, as a config gives it. */
const plateauOf = (options: Record<string, number>) =>
  optimizerSchema.parse({
    kind: 'sgd',
    learningRate: 0.5,
    schedule: { kind: 'plateau', ...options },
  });

test.each(plateaus.runs)(
  "on plateaus the rate falls as by PyTorch's scheduler: $options",
  ({ options, rates }) => {
    const optimizer = plateauOf(options);
    let advice: Advice = {};
    rates.forEach((rate, evaluations) => {
      const falls = advice.plateau?.falls ?? 0;
      const moment = { step: evaluations, steps: 100, stepsPerEpoch: 10, falls };
      expect(learningRateAt(optimizer, moment)).toBeCloseTo(rate, 13);
      const loss = plateaus.losses[evaluations]!;
      advice = followEvaluation({ optimizer }, advice, loss, evaluations + 1);
      expect(adviceSchema.parse(JSON.parse(JSON.stringify(advice)))).toEqual(advice);
    });
  },
);

test('evaluations during the warm-up, and losses that are not finite, are no better ones', () => {
  const optimizer = plateauOf({ warmupSteps: 4, patience: 1 });
  const follow = (losses: readonly number[]): Advice =>
    losses.reduce<Advice>(
      (advice, loss, i) => followEvaluation({ optimizer }, advice, loss, 2 * i + 2),
      {},
    );
  expect(follow([1, 1, 3]).plateau).toEqual({ best: 3, withoutBetter: 0, cooldown: 0, falls: 0 });
  expect(follow([1, 1, NaN]).plateau).toEqual({ withoutBetter: 1, cooldown: 0, falls: 0 });
  expect(follow([1, 1, 3, NaN, Infinity]).plateau).toMatchObject({ best: 3, falls: 1 });
});

test('averaging begins after the first loss above the lowest of those before the last n', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constant(NaN)), { maxLength: 30 }),
      fc.integer({ min: 1, max: 6 }),
      (losses, n) => {
        // Merity, Keskar and Socher 2017, algorithm 1.
        const first = losses.findIndex((loss, i) => {
          const before = losses.slice(0, Math.max(0, i - n)).filter(Number.isFinite);
          return before.length > 0 && !(loss <= Math.min(...before));
        });
        const averaging = { kind: 'nt-asgd', n } as const;
        const optimizer = optimizerSchema.parse({});
        let advice: Advice = {};
        losses.forEach((loss, i) => {
          advice = followEvaluation({ optimizer, averaging }, advice, loss, 3 * (i + 1));
          const begun = first >= 0 && i >= first;
          expect(advice.averaging!.from).toBe(begun ? 3 * (first + 1) : undefined);
          expect(adviceSchema.parse(JSON.parse(JSON.stringify(advice)))).toEqual(advice);
        });
      },
    ),
  );
});
