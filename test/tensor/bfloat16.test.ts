import { expect, it } from 'vitest';
import { bfloat16Bits, ofBfloat16 } from '../../src/tensor/bfloat16.js';

const rounded = (value: number) => ofBfloat16(bfloat16Bits(value));

it('rounds to eight bits, halfway cases to the even one', () => {
  // Between 1 and 2 numbers of bfloat16 lie 2⁻⁷ apart.
  expect(rounded(1 + 2 ** -8)).toBe(1);
  expect(rounded(1 + 2 ** -8 + 2 ** -20)).toBe(1 + 2 ** -7);
  expect(rounded(1 + 3 * 2 ** -8)).toBe(1 + 2 ** -6);
  expect(rounded(-(1 + 2 ** -8 + 2 ** -20))).toBe(-(1 + 2 ** -7));
  expect(rounded(2 - 2 ** -9)).toBe(2);
});

it('takes numbers below 2^-50 for zeros, and those from 2^63 on for infinite', () => {
  expect(rounded(2 ** -50)).toBe(2 ** -50);
  for (const value of [2 ** -50 * (1 - 2 ** -24), -(2 ** -51), 2 ** -149, 0, -0]) {
    expect(bfloat16Bits(value)).toBe(0);
  }
  expect(rounded(2 ** 63 * (1 - 2 ** -8))).toBe(2 ** 63 * (1 - 2 ** -8));
  expect([2 ** 63, -(2 ** 63), Infinity, -Infinity].map(rounded)).toEqual([
    Infinity,
    -Infinity,
    Infinity,
    -Infinity,
  ]);
  expect(rounded(NaN)).toBeNaN();
});
