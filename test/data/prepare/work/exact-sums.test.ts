import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  ExactAdder,
  joinSums,
  noNumbers,
  onlyNumber,
  scaleOf,
} from '../../../../src/data/prepare/work/exact-sums.js';
import { bitsOfFloat } from '../../../../src/tensor/float-bits.js';

const float = fc.float({ noNaN: true, noDefaultInfinity: true });

function sumsOf(numbers: readonly number[]) {
  const adder = new ExactAdder();
  // As a reader of pieces gives them: unsigned.
  for (const number of numbers) adder.add(bitsOfFloat(number) >>> 0);
  return adder.total();
}

/** A float32 in units of 2^-149. */
function toUnits(number: number): bigint {
  return BigInt(number * 2 ** 149);
}

test('sums of float32 numbers and of their squares are exact, in any order and any parts', () => {
  const property = fc.property(fc.array(float), fc.nat(), (numbers, cut) => {
    const at = cut % (numbers.length + 1);
    const reversed = numbers.toReversed();
    const parts = joinSums(sumsOf(reversed.slice(at)), sumsOf(reversed.slice(0, at)));
    const units = numbers.map(toUnits);
    const expected = {
      count: numbers.length,
      sum: units.reduce((sum, each) => sum + each, 0n),
      squares: units.reduce((sum, each) => sum + each * each, 0n),
    };
    expect(sumsOf(numbers)).toEqual(expected);
    expect(joinSums(noNumbers, parts)).toEqual(expected);
  });
  fc.assert(property);
});

test('mean and deviation are those of all numbers, however far from 0 these lie', () => {
  const far = [1, 2, 4].map((number) => 2 ** 23 + number);
  const { mean, deviation } = scaleOf(sumsOf(far))!;
  expect(mean).toBeCloseTo(2 ** 23 + 7 / 3, 8);
  expect(deviation).toBeCloseTo(Math.sqrt(14 / 9), 8);
  const extremes = scaleOf(sumsOf([-3e38, 3e38, 1e-45]))!;
  expect(extremes.deviation / (Math.fround(3e38) * Math.sqrt(2 / 3))).toBeCloseTo(1, 10);
});

test('numbers that are all the same have no deviation', () => {
  expect(scaleOf(sumsOf([-0.1, -0.1, -0.1]))).toBeUndefined();
  expect(onlyNumber(sumsOf([-0.1, -0.1, -0.1]))).toBe(Math.fround(-0.1));
  expect(scaleOf(noNumbers)).toBeUndefined();
});
