import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { permute } from '../../../src/data/batches/order.js';

const sizes = fc.integer({ min: 1, max: 2000 });
const seeds = fc.integer({ min: 0, max: 0xffff_ffff });
const epochs = fc.integer({ min: 0, max: 1000 });

const list = (size: number, seed: number, epoch: number): number[] =>
  Array.from({ length: size }, (_, i) => permute(size, seed, epoch)(i));

describe('the order of rows', () => {
  it('visits every row of an epoch exactly once', () => {
    fc.assert(
      fc.property(sizes, seeds, epochs, (size, seed, epoch) => {
        const order = permute(size, seed, epoch);
        const seen = new Set(Array.from({ length: size }, (_, i) => order(i)));
        expect(seen.size).toBe(size);
        for (const row of seen) expect(row >= 0 && row < size).toBe(true);
      }),
    );
  });

  it('is another one for another seed and another epoch', () => {
    fc.assert(
      fc.property(seeds, epochs, (seed, epoch) => {
        const order = list(300, seed, epoch);
        expect(list(300, seed, epoch + 1)).not.toEqual(order);
        expect(list(300, (seed + 1) >>> 0, epoch)).not.toEqual(order);
      }),
    );
  });

  it('spreads the rows evenly over the places', () => {
    const buckets = new Array<number>(16).fill(0);
    for (let epoch = 0; epoch < 3200; epoch++) {
      const bucket = Math.floor(permute(1600, 7, epoch)(3) / 100);
      buckets[bucket] = buckets[bucket]! + 1;
    }
    // 200 expected each, standard deviation 14.
    for (const count of buckets) expect(Math.abs(count - 200)).toBeLessThan(70);
  });

  it('holds for corpora of more than 2^32 rows', () => {
    const size = 2 ** 40 + 12_345;
    const order = permute(size, 5, 2);
    const seen = new Set<number>();
    for (let i = 0; i < 1000; i++) seen.add(order(size - 1 - i * 1_000_003));
    expect(seen.size).toBe(1000);
    expect(Math.max(...seen)).toBeLessThan(size);
    expect(Math.max(...seen)).toBeGreaterThan(2 ** 39);
  });

  it('stays the same from version to version', () => {
    expect(list(10, 1, 0)).toMatchInlineSnapshot(`
      [
        8,
        7,
        2,
        6,
        5,
        4,
        3,
        1,
        0,
        9,
      ]
    `);
  });

  it('refuses sizes that it cannot permute', () => {
    expect(() => permute(0, 1, 0)).toThrow(RangeError);
    expect(() => permute(2 ** 52, 1, 0)).toThrow(RangeError);
  });
});
