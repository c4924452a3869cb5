import { bitsOfFloat, floatOfBits } from '../../../tensor/float-bits.js';
import type { TargetScale } from '../../../tasks/target-scale.js';

/**
 * Sums of float32 numbers and of their squares without any rounding: they do not depend on the order of the numbers, nor on how a corpus is
 * divided into pieces, which files of another format are otherwise.
 */

export interface ExactSums {
  readonly count: number;
  /** In units of 2^-149, the smallest float32 above 0. */
  readonly sum: bigint;
  /** In units of 2^-298. */
  readonly squares: bigint;
}

export const noNumbers: ExactSums = { count: 0, sum: 0n, squares: 0n };

/** Float32 numbers by their exponents. */
const exponents = 255;

/** Adds up to 2^29 numbers: sums of their 24-bit fractions are exact in float64. */
export class ExactAdder {
  #count = 0;
  /** By exponent: of fractions, and of the upper and lower halves of their squares. */
  readonly #sums = new Float64Array(exponents);
  readonly #upper = new Float64Array(exponents);
  readonly #lower = new Float64Array(exponents);

  /** @param bits Of a finite float32. */
  add(bits: number): void {
    const exponent = (bits >>> 23) & 0xff;
    // Numbers of the lowest exponents have no bit that goes without saying.
    const fraction = (bits & 0x7f_ffff) | (exponent === 0 ? 0 : 0x80_0000);
    const place = Math.max(exponent, 1) - 1;
    const square = fraction * fraction;
    const upper = Math.floor(square / 2 ** 24);
    this.#count += 1;
    this.#sums[place]! += bits < 0 || bits > 0x7fff_ffff ? -fraction : fraction;
    this.#upper[place]! += upper;
    this.#lower[place]! += square - upper * 2 ** 24;
  }

  total(): ExactSums {
    let [sum, squares] = [0n, 0n];
    for (let place = 0; place < exponents; place++) {
      if (this.#upper[place] === 0 && this.#lower[place] === 0) continue;
      const shift = BigInt(place);
      const square = (BigInt(this.#upper[place]!) << 24n) + BigInt(this.#lower[place]!);
      sum += BigInt(this.#sums[place]!) << shift;
      squares += square << (2n * shift);
    }
    return { count: this.#count, sum, squares };
  }
}

export function joinSums(one: ExactSums, other: ExactSums): ExactSums {
  return {
    count: one.count + other.count,
    sum: one.sum + other.sum,
    squares: one.squares + other.squares,
  };
}

/** @returns Undefined where the numbers are all the same, or there are none. */
export function scaleOf({ count, sum, squares }: ExactSums): TargetScale | undefined {
  const n = BigInt(count);
  const spread = n * squares - sum * sum;
  if (spread === 0n) return undefined;
  return {
    mean: (Number(sum) / count) * 2 ** -149,
    deviation: (Math.sqrt(Number(spread)) / count) * 2 ** -149,
  };
}

/** The number that all are, of numbers that are all the same. */
export function onlyNumber({ count, sum }: ExactSums): number {
  return floatOfBits(bitsOfFloat((Number(sum) / count) * 2 ** -149));
}
