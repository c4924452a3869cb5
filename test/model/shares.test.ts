import fc from 'fast-check';
import { expect, it } from 'vitest';
import { runShare } from '../../src/model/shares.js';

interface Load {
  units: number;
  cost: number;
}

const loads: fc.Arbitrary<Load[]> = fc.array(
  fc.record({
    units: fc.integer({ min: 0, max: 200 }),
    cost: fc.integer({ min: 1, max: 1_000_000 }),
  }),
  { minLength: 1, maxLength: 8 },
);
/** Bounds of up to 40 shares of any sizes, also of nothing. */
const shareBounds: fc.Arbitrary<Float64Array> = fc
  .array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 39 })
  .map((inner) => Float64Array.from([0, ...inner.sort((a, b) => a - b), 1]));

/** How often every unit of every group ran, and what each part did at what cost. */
function runAll(groups: Load[], bounds: Float64Array): { ran: number[][]; costs: number[] } {
  const ran = groups.map(({ units }) => new Array<number>(units).fill(0));
  const costs = Array.from({ length: bounds.length - 1 }, (_, part) => {
    let cost = 0;
    const work = groups.map((group, g) => ({
      ...group,
      run(from: number, to: number) {
        for (let unit = from; unit < to; unit++) ran[g]![unit]! += 1;
        cost += (to - from) * group.cost;
      },
    }));
    runShare(work, bounds, part);
    return cost;
  });
  return { ran, costs };
}

it('runs every unit in exactly one part', () => {
  fc.assert(
    fc.property(loads, shareBounds, (groups, bounds) => {
      const { ran } = runAll(groups, bounds);
      expect(ran).toEqual(groups.map(({ units }) => new Array<number>(units).fill(1)));
    }),
    { numRuns: 300 },
  );
});

it('gives no part more than its share and one unit', () => {
  fc.assert(
    fc.property(loads, shareBounds, (groups, bounds) => {
      const { costs } = runAll(groups, bounds);
      const total = groups.reduce((sum, { units, cost }) => sum + units * cost, 0);
      const largest = Math.max(...groups.map(({ cost }) => cost));
      costs.forEach((cost, part) => {
        const share = total * (bounds[part + 1]! - bounds[part]!);
        expect(cost).toBeLessThanOrEqual(share + largest + 1e-6);
      });
    }),
  );
});
