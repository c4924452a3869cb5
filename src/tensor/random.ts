/**
 * Counter-based random numbers: every draw is a pure function of a key and a counter, so nothing depends on
 * the order of calls, on threads or on resuming.
 */

export type Words = readonly [number, number, number, number];

/** Philox4x32-10 (Salmon et al. 2011): four random 32-bit words for a counter of four words and a key of two. */
export function philox(counter: Words, key: readonly [number, number]): Words {
  let c0 = counter[0] >>> 0;
  let c1 = counter[1] >>> 0;
  let c2 = counter[2] >>> 0;
  let c3 = counter[3] >>> 0;
  let k0 = key[0] >>> 0;
  let k1 = key[1] >>> 0;
  // Numbers, not arrays of them: millions are drawn before a training begins.
  for (let round = 0; round < 10; round++) {
    const mixed0 = highWord(0xcd9e8d57, c2) ^ c1 ^ k0;
    const mixed2 = highWord(0xd2511f53, c0) ^ c3 ^ k1;
    c1 = Math.imul(0xcd9e8d57, c2) >>> 0;
    c3 = Math.imul(0xd2511f53, c0) >>> 0;
    c0 = mixed0 >>> 0;
    c2 = mixed2 >>> 0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** The upper half of the 64-bit product of two 32-bit words. */
function highWord(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const cross = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + (middle >>> 16) + (cross >>> 16)) >>> 0;
}

/** What random numbers are for; part of the key, so that no two purposes share draws. */
export const PURPOSE = { weights: 1, sampling: 2 } as const;

/**
 * The stream of random numbers that belongs to a name (32-bit FNV-1a): a layer or a parameter that is put in draws from its own
 * one, and changes nobody else's numbers.
 */
export function streamOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x0100_0193);
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
