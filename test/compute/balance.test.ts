import { expect, it } from 'vitest';
import { PANEL } from '../../src/tensor/heap.js';
import { Balance } from '../../src/compute/balance.js';

/** Shares after `steps` steps on cores of the given speeds. */
function sharesAfter(
  steps: number,
  speeds: number[],
  balance = new Balance(speeds.length),
): number[] {
  const seconds = new Float64Array(speeds.length * PANEL);
  const shares = (): number[] => speeds.map((_, p) => balance.bounds[p + 1]! - balance.bounds[p]!);
  for (let step = 0; step < steps; step++) {
    speeds.forEach((speed, part) => (seconds[part * PANEL] = 1 / speed));
    balance.observe(seconds);
  }
  return shares();
}

it('begins with equal shares', () => {
  expect([...new Balance(4).bounds]).toEqual([0, 0.25, 0.5, 0.75, 1]);
});

it('gives every part work in proportion to its speed', () => {
  const shares = sharesAfter(150, [3, 1, 2]);
  [3 / 6, 1 / 6, 2 / 6].forEach((share, part) => expect(shares[part]).toBeCloseTo(share, 3));
});

it('follows a core that changes its speed', () => {
  const balance = new Balance(2);
  sharesAfter(80, [1, 2], balance);
  expect(sharesAfter(80, [2, 1], balance)[0]).toBeCloseTo(2 / 3, 2);
});

it('keeps a share of an eighth for a part of two that seems to stand still', () => {
  expect(sharesAfter(150, [1, 1e-9])[1]).toBeGreaterThan(0.1);
});

it('ends at 1, whatever it saw', () => {
  const balance = new Balance(3);
  sharesAfter(10, [1, 1e9, 0.3], balance);
  expect(balance.bounds[3]).toBe(1);
  expect([...balance.bounds]).toEqual([...balance.bounds].sort((a, b) => a - b));
});

it('learns nothing from a step in which no part had work', () => {
  const balance = new Balance(2);
  balance.observe(new Float64Array(2 * PANEL));
  expect([...balance.bounds]).toEqual([0, 0.5, 1]);
});

it('compares the parts that had work when another had none', () => {
  const balance = new Balance(3);
  const seconds = new Float64Array(3 * PANEL);
  seconds[0] = 1;
  seconds[2 * PANEL] = 3;
  for (let step = 0; step < 150; step++) balance.observe(seconds);
  const bounds = [...balance.bounds];
  [0, 1 / 2, 5 / 6, 1].forEach((bound, part) => expect(bounds[part]).toBeCloseTo(bound, 6));
});
