import type { z } from 'zod';

const fitsFloat32 = (value: number): boolean => {
  const rounded = Math.fround(value);
  return Number.isFinite(rounded) && (rounded === 0) === (value === 0) && rounded < 1 === value < 1;
};

/** For numbers that the kernels take as float32: rounding must not turn them into another kind. */
export function float32(number: z.ZodNumber): z.ZodNumber {
  return number.refine(fitsFloat32, {
    error: 'expected a number that rounding to float32 turns into neither 0 nor 1 nor infinity',
  });
}
