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
const partCounts = fc.integer({ min: 1, max: 40 });

/** How often every unit of every group ran, and what each part did at what cost. */
function runAll(groups: Load[], parts: number): { ran: number[][]; costs: number[] } {
  const ran = groups.map(({ units }) => new Array<number>(units).fill(0));
  const costs = Array.from({ length: parts }, (_, part) => {
    let cost = 0;
    const work = groups.map((group, g) => ({
      ...group,
      run(from: number, to: number) {
        for (let unit = from; unit < to; unit++) ran[g]![unit]! += 1;
        cost += (to - from) * group.cost;
      },
    }));
    runShare(work, part, parts);
    return cost;
  });
  return { ran, costs };
}

it('runs every unit in exactly one part', () => {
  fc.assert(
    fc.property(loads, partCounts, (groups, parts) => {
      const { ran } = runAll(groups, parts);
      expect(ran).toEqual(groups.map(({ units }) => new Array<number>(units).fill(1)));
    }),
    { numRuns: 300 },
  );
});

it('gives no part more than its share and one unit', () => {
  fc.assert(
    fc.property(loads, partCounts, (groups, parts) => {
      const { costs } = runAll(groups, parts);
      const total = groups.reduce((sum, { units, cost }) => sum + units * cost, 0);
      const largest = Math.max(...groups.map(({ cost }) => cost));
      for (const cost of costs) expect(cost).toBeLessThanOrEqual(total / parts + largest + 1e-6);
    }),
  );
});
