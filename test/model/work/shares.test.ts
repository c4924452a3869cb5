import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MOST_PIECES, SharedWork } from '../../../src/model/work/shares.js';
import { tries } from '../../effort.js';

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

/** Shared work that counts how often every unit ran; `onRun` hears of each run before it counts. */
function countingWork(
  loads: Load[],
  bounds: Float64Array,
  onRun: (from: number) => void = () => undefined,
) {
  const ran = loads.map(({ units }) => new Array<number>(units).fill(0));
  const groups = loads.map((load, g) => ({
    ...load,
    run(from: number, to: number) {
      onRun(from);
      for (let unit = from; unit < to; unit++) ran[g]![unit]! += 1;
    },
  }));
  const claims = new Int32Array((bounds.length - 1) * MOST_PIECES);
  return { work: new SharedWork(groups, claims, bounds, MOST_PIECES), ran, claims };
}

const once = (loads: Load[]): number[][] =>
  loads.map(({ units }) => new Array<number>(units).fill(1));
const even = (parts: number): Float64Array =>
  Float64Array.from({ length: parts + 1 }, (_, part) => part / parts);

describe('shared work', () => {
  it.each([
    [40, 1],
    [127, 1],
    [320, 2],
    [640, 4],
  ])('of %i units of which a piece is to have 64 has %i pieces a share', (units, pieces) => {
    const runs: [number, number][] = [];
    const group = { units, cost: 1, run: (...range: [number, number]) => runs.push(range) };
    const claims = new Int32Array(2 * MOST_PIECES);
    new SharedWork([group], claims, even(2), 4, 64).run(0);
    expect(runs).toHaveLength(2 * pieces);
    expect(runs.reduce((sum, [from, to]) => sum + to - from, 0)).toBe(units);
  });

  it('runs every unit exactly once, whichever part comes first', () => {
    fc.assert(
      fc.property(loads, shareBounds, fc.nat(), (groups, bounds, first) => {
        const parts = bounds.length - 1;
        const { work, ran } = countingWork(groups, bounds);
        for (let i = 0; i < parts; i++) work.run((first + i) % parts);
        expect(ran).toEqual(once(groups));
      }),
      { numRuns: tries(100) },
    );
  });

  it('runs every unit exactly once while other parts are at work', () => {
    fc.assert(
      fc.property(loads, shareBounds, (groups, bounds) => {
        let next = 1;
        // Whenever a part runs a piece, the next one goes through all that is left.
        const { work, ran } = countingWork(groups, bounds, () => {
          if (next < bounds.length - 1) work.run(next++);
        });
        work.run(0);
        expect(ran).toEqual(once(groups));
      }),
    );
  });

  it('tells each part how much of the whole it has done', () => {
    const groups = [{ units: 4000, cost: 3 }];
    let isFirst = true;
    let taken = 0;
    const { work } = countingWork(groups, even(4), () => {
      if (!isFirst) return;
      isFirst = false;
      taken = work.run(2);
    });
    const rest = work.run(0);
    // The part that is in the midst of its first piece keeps that one alone.
    expect(rest).toBeGreaterThan(0.02);
    expect(rest).toBeLessThan(0.04);
    expect(taken + rest).toBeCloseTo(1, 12);
  });

  it('takes over pieces from the ends of the shares of others', () => {
    const begun: number[] = [];
    const units = 2 * MOST_PIECES ** 2;
    const { work } = countingWork([{ units, cost: 1 }], even(2), (from) => begun.push(from));
    work.run(0);
    const own = begun.filter((unit) => unit < units / 2);
    const taken = begun.filter((unit) => unit >= units / 2);
    expect(begun).toEqual([...own, ...taken]);
    expect(own).toEqual(own.toSorted((a, b) => a - b));
    expect(taken).toEqual(taken.toSorted((a, b) => b - a));
  });

  it('cuts a share into pieces of even numbers of units, the smallest at its end', () => {
    const sizes: number[] = [];
    const groups = [
      { units: 501, cost: 1, run: (from: number, to: number) => void sizes.push(to - from) },
    ];
    new SharedWork(groups, new Int32Array(2 * MOST_PIECES), even(2), MOST_PIECES).run(0);
    // The last piece of all ends with the last unit, which is an odd one.
    const own = sizes.slice(0, MOST_PIECES);
    expect(own.every((size) => size % 2 === 0)).toBe(true);
    expect(own[0]).toBeGreaterThan(5 * own.at(-1)!);
  });

  it('does again what a part had claimed when its worker died', () => {
    fc.assert(
      fc.property(loads, shareBounds, fc.nat({ max: 60 }), (groups, bounds, deathAt) => {
        const parts = bounds.length - 1;
        let runs = 0;
        const { work, ran } = countingWork(groups, bounds, () => {
          if (runs++ === deathAt) throw new Error('died');
        });
        let hasDied = false;
        for (let part = 0; part < parts && !hasDied; part++) {
          try {
            work.run(part);
          } catch {
            // The others go on before another worker takes the part over.
            hasDied = true;
            for (let other = 0; other < parts; other++) if (other !== part) work.run(other);
            work.run(part);
          }
        }
        for (const units of ran) expect(units.every((times) => times >= 1)).toBe(true);
        if (!hasDied) expect(ran).toEqual(once(groups));
      }),
    );
  });

  it('leaves small work whole', () => {
    const { work, claims } = countingWork([{ units: 9, cost: 1 }], even(2));
    work.run(1);
    expect([...claims.subarray(0, 3)]).toEqual([2, 2, 0]);
  });
});
