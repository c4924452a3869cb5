import { expect } from 'vitest';
import { gradientOf } from '../parity/fixture.js';
import { bindLoss } from './loss.js';
import { SETTINGS, type Running } from './network-runs.js';
import { diceOf, sketch, type Case } from './random-networks.js';

/*
 * On a float64 heap the central difference (L(w + h) − L(w − h)) / 2h errs by h² L‴ / 6 from the series and by
 * 1e-16 L / h from rounding.
 */
const STEP = 2e-5;
const GRADIENT_TOLERANCE = 1e-6;
const DIRECTIONS = 2;

/** The gradients of a network's first batch, by parameter. */
export async function firstGradients({ engine, batches }: Running): Promise<Float64Array[]> {
  engine.load(0, batches[0]!);
  await engine.trainStep(0, 1, { ...SETTINGS, learningRate: 0 });
  return engine.plan.parameters.map(({ name }) => gradientOf(engine, name, 0));
}

/** How far the farthest parameter's gradients are from what is expected, in units of these; where they are next to nothing, of a hundredth of all. */
export function gradientDistance(
  actual: readonly Float64Array[],
  expected: readonly Float64Array[],
): number {
  const all = Math.hypot(...expected.map((own) => Math.hypot(...own)));
  const distances = actual.map((own, p) => {
    const wanted = expected[p]!;
    const difference = Math.hypot(...own.map((value, k) => value - wanted[k]!));
    return difference / (Math.hypot(...wanted) + all / 100);
  });
  return Math.max(...distances);
}

/** Compares gradients on a float64 heap with finite differences. All parameters move at once, along random signs, so that an error anywhere shows. */
export async function compareGradients({ engine, batches }: Running, drawn: Case): Promise<void> {
  // On the batch that follows, with the state that the last one has left.
  const slot = batches.length % 2;
  engine.load(slot, batches[0]!);
  const settings = { ...SETTINGS, learningRate: 0 };
  const { gradNorm } = await engine.trainStep(slot, batches.length + 1, settings);
  const loss = bindLoss(engine, slot);
  const dice = diceOf(drawn.seed);
  const parameters = engine.plan.parameters.map(({ name }) => {
    const values = engine.parameter(name);
    return { values, original: values.slice(), gradient: gradientOf(engine, name, slot) };
  });
  const size = Math.hypot(...parameters.map(({ gradient }) => Math.hypot(...gradient)));
  expect(Math.abs(gradNorm - size), `norm of ${sketch(drawn)}`).toBeLessThan(1e-9 * (size + 1e-3));
  for (let i = 0; i < DIRECTIONS; i++) {
    const directions = parameters.map(({ values }) =>
      Float64Array.from(values, () => (2 * dice(2) - 1) / Math.sqrt(values.length)),
    );
    const lossAt = (distance: number): number => {
      parameters.forEach(({ values, original }, p) =>
        values.forEach((_, k) => (values[k] = original[k]! + distance * directions[p]![k]!)),
      );
      return loss();
    };
    const difference = (lossAt(STEP) - lossAt(-STEP)) / (2 * STEP);
    const expected = parameters.reduce(
      (sum, { gradient }, p) => sum + gradient.reduce((s, g, k) => s + g * directions[p]![k]!, 0),
      0,
    );
    const error = Math.abs(difference - expected) / (size + 1e-3);
    expect(error, `gradients of ${sketch(drawn)}`).toBeLessThan(GRADIENT_TOLERANCE);
  }
}
