/**
 * Counter-based random numbers: every draw is a pure function of a key and a counter, so nothing depends on
 * the order of calls, on threads or on resuming.
 */

export type Words = readonly [number, number, number, number];

/** Philox4x32-10 (Salmon et al. 2011): four random 32-bit words for a counter of four words and a key of two. */
export function philox(counter: Words, key: readonly [number, number]): Words {
  let [c0, c1, c2, c3] = counter.map((word) => word >>> 0) as [number, number, number, number];
  let [k0, k1] = [key[0] >>> 0, key[1] >>> 0];
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = multiply(0xd2511f53, c0);
    const [high1, low1] = multiply(0xcd9e8d57, c2);
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** The 64-bit product of two 32-bit words as [high, low]. */
function multiply(a: number, b: number): [number, number] {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const cross = aLow * bHigh + (middle % 0x1_0000);
  const high = aHigh * bHigh + Math.floor(middle / 0x1_0000) + Math.floor(cross / 0x1_0000);
  return [high >>> 0, Math.imul(a, b) >>> 0];
}

/** What random numbers are for; part of the key, so that no two purposes share draws. */
export const PURPOSE = { weights: 1, sampling: 2 } as const;

/**
 * The stream of random numbers that belongs to a name (32-bit FNV-1a): a layer or a parameter that is put in draws from its own
 * one, and changes nobody else's numbers.
 */
export function streamOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x0100_0193);
  return hash >>> 0;
}

/**
 * Fills `out` with numbers uniform in [-bound, bound), reproducible from (seed, purpose, stream).
 *
 * @param stream tells tensors apart
 */
export function fillUniform(
  out: Float32Array | Float64Array,
  bound: number,
  seed: number,
  purpose: number,
  stream: number,
): void {
  for (let i = 0; i < out.length; i += 4) {
    const words = philox([i / 4, 0, stream, 0], [seed, purpose]);
    for (let j = 0; j < 4 && i + j < out.length; j++) {
      // 24 bits, so that float32 holds every value exactly before scaling.
      out[i + j] = ((words[j]! >>> 8) / 0x100_0000) * 2 * bound - bound;
    }
  }
}

/** One number uniform in [0, 1) with 32 random bits. */
export function uniform(seed: number, purpose: number, stream: number, index: number): number {
  return philox([index >>> 0, 0, stream, 0], [seed, purpose])[0] / 0x1_0000_0000;
}
