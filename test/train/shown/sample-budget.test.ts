import fc from 'fast-check';
import { expect, it } from 'vitest';
import { showsAt } from '../../../src/train/shown/sample-budget.js';

const courses = fc.record({
  everySteps: fc.integer({ min: 1, max: 500 }),
  evaluations: fc.integer({ min: 1, max: 200 }),
  writing: fc.double({ min: 1, max: 1e4, noNaN: true }),
});

it('what is written takes at most 0.25 % of the work of the steps before it, and 1 % of all when the run is done', () => {
  fc.assert(
    fc.property(courses, ({ everySteps, evaluations, writing }) => {
      const totalSteps = everySteps * evaluations;
      const work = { writing, update: 1 };
      let spent = 0;
      for (let step = everySteps; step <= totalSteps; step += everySteps) {
        if (!showsAt(step, work, { everySteps, totalSteps })) continue;
        spent += writing;
        if (step < totalSteps) expect(spent).toBeLessThanOrEqual(0.0025 * step + 1e-9);
        // None holds training up for longer than a few per cent of the time since the last evaluation.
        if (step < totalSteps) expect(writing).toBeLessThanOrEqual(0.04 * everySteps);
      }
      expect(spent).toBeLessThanOrEqual(0.0125 * totalSteps + 1e-9);
    }),
  );
});

it('texts whose writing is worth hardly a step are shown at every evaluation', () => {
  const course = { everySteps: 500, totalSteps: 5000 };
  const shown = Array.from({ length: 10 }, (_, i) =>
    showsAt(500 * (i + 1), { writing: 1.2, update: 1 }, course),
  );
  expect(shown).toEqual(new Array(10).fill(true));
});
