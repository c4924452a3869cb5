/**
 * A seeded permutation of the rows of a corpus, computed one index at a time: no array of the
 * corpus's size, and any place of any epoch costs the same.
 *
 * A Feistel network permutes the smallest square power-of-two domain that holds `size`; an image
 * outside `[0, size)` is permuted again until it falls inside ("cycle walking", fewer than four
 * rounds on average, because the domain is less than four times the size).
 */

const rounds = 8;

/**
 * Makes the permutation of one epoch.
 *
 * @param size Number of rows, at least 1 and below 2^52.
 * @param seed Unsigned 32-bit number.
 * @param epoch From 0.
 * @returns A bijection of the integers in `[0, size)`.
 */
export function permute(size: number, seed: number, epoch: number): (index: number) => number {
  if (!Number.isSafeInteger(size) || size < 1 || size >= 2 ** 52) {
    throw new RangeError(`size must be an integer from 1 to 2^52 - 1, not ${size}`);
  }
  const halfBits = Math.max(1, Math.ceil(Math.log2(size) / 2));
  const half = 2 ** halfBits;
  const mask = half - 1;
  const keys = Uint32Array.from({ length: rounds }, (_, round) =>
    mix(mix(mix(seed, 0x9e3779b9), epoch), round),
  );
  return (index) => {
    let image = index;
    do {
      let left = Math.floor(image / half);
      let right = image % half;
      for (let round = 0; round < rounds; round++) {
        const next = (left ^ mix(right, keys[round]!)) & mask;
        left = right;
        right = next;
      }
      image = left * half + right;
    } while (image >= size);
    return image;
  };
}

/** Murmur3's finalizer over two words: every bit of the result depends on every bit of both. */
export function mix(value: number, key: number): number {
  let hash = Math.imul(value ^ (value >>> 16) ^ key, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35) + key;
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 16)) >>> 0;
}
