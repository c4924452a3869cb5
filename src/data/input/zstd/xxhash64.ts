/**
 * The hash xxHash64 with seed 0, by which Zstandard checks its frames, over bytes that arrive in
 * pieces. In halves of 32 bits: bigints would take some fifteen times as long.
 */

const stripeBytes = 32;

/** High and low halves of the five primes. */
const prime1High = 0x9e3779b1;
const prime1Low = 0x85ebca87;
const prime2High = 0xc2b2ae3d;
const prime2Low = 0x27d4eb4f;
const prime3High = 0x165667b1;
const prime3Low = 0x9e3779f9;
const prime4High = 0x85ebca77;
const prime4Low = 0xc2b2ae63;
const prime5High = 0x27d4eb2f;
const prime5Low = 0x165667c5;

/** The upper 32 of the 64 bits of a product. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) | 0;
  const other = (Math.imul(aLow, bHigh) + (middle & 0xffff)) | 0;
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (other >>> 16)) | 0;
}

/** Four running sums of 64 bits, each in two halves. */
export class XxHash64 {
  readonly #high = new Int32Array(4);
  readonly #low = new Int32Array(4);
  readonly #rest = Buffer.alloc(stripeBytes);
  #restLength = 0;
  #length = 0;

  constructor() {
    // prime1 + prime2, prime2, 0 and −prime1.
    this.#high.set([0x60ea27ee, prime2High, 0, 0x61c8864e]);
    this.#low.set([0xadc0b5d6, prime2Low, 0, 0x7a143579]);
  }

  update(bytes: Uint8Array): void {
    this.#length += bytes.length;
    let at = 0;
    if (this.#restLength > 0) {
      at = Math.min(bytes.length, stripeBytes - this.#restLength);
      this.#rest.set(bytes.subarray(0, at), this.#restLength);
      this.#restLength += at;
      if (this.#restLength < stripeBytes) return;
      this.#addStripes(this.#rest, 0, stripeBytes);
      this.#restLength = 0;
    }
    const whole = at + Math.floor((bytes.length - at) / stripeBytes) * stripeBytes;
    this.#addStripes(bytes, at, whole);
    this.#rest.set(bytes.subarray(whole));
    this.#restLength = bytes.length - whole;
  }

  #addStripes(bytes: Uint8Array, start: number, end: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    for (let lane = 0; lane < 4; lane++) {
      let high = this.#high[lane]!;
      let low = this.#low[lane]!;
      for (let at = start + 8 * lane; at < end; at += stripeBytes) {
        const inLow = view.getInt32(at, true);
        const inHigh = view.getInt32(at + 4, true);
        // sum += input × prime2
        const addLow = Math.imul(inLow, prime2Low);
        const addHigh =
          (multiplyHigh(inLow, prime2Low) +
            Math.imul(inHigh, prime2Low) +
            Math.imul(inLow, prime2High)) |
          0;
        const sumLow = (low + addLow) | 0;
        const sumHigh = (high + addHigh + (sumLow >>> 0 < addLow >>> 0 ? 1 : 0)) | 0;
        // rotated by 31, times prime1
        const turnedHigh = (sumHigh << 31) | (sumLow >>> 1);
        const turnedLow = (sumLow << 31) | (sumHigh >>> 1);
        low = Math.imul(turnedLow, prime1Low);
        high =
          (multiplyHigh(turnedLow, prime1Low) +
            Math.imul(turnedHigh, prime1Low) +
            Math.imul(turnedLow, prime1High)) |
          0;
      }
      this.#high[lane] = high;
      this.#low[lane] = low;
    }
  }

  /** The lower 32 bits of the hash of all bytes so far. */
  digestLow(): number {
    const sum = new Sum64();
    if (this.#length >= stripeBytes) {
      for (const [lane, bits] of [1, 7, 12, 18].entries()) {
        const part = new Sum64(this.#high[lane], this.#low[lane]);
        part.rotate(bits);
        sum.add(part.high, part.low);
      }
      for (let lane = 0; lane < 4; lane++) {
        sum.xor(scramble(new Sum64(this.#high[lane], this.#low[lane])));
        sum.multiply(prime1High, prime1Low);
        sum.add(prime4High, prime4Low);
      }
    } else {
      sum.add(prime5High, prime5Low);
    }
    sum.add(Math.floor(this.#length / 2 ** 32), this.#length | 0);
    this.#addRest(sum);
    sum.xorShifted(33);
    sum.multiply(prime2High, prime2Low);
    sum.xorShifted(29);
    sum.multiply(prime3High, prime3Low);
    sum.xorShifted(32);
    return sum.low >>> 0;
  }

  #addRest(sum: Sum64): void {
    let at = 0;
    for (; at + 8 <= this.#restLength; at += 8) {
      sum.xor(scramble(new Sum64(this.#rest.readInt32LE(at + 4), this.#rest.readInt32LE(at))));
      sum.rotate(27);
      sum.multiply(prime1High, prime1Low);
      sum.add(prime4High, prime4Low);
    }
    if (at + 4 <= this.#restLength) {
      const part = new Sum64(0, this.#rest.readInt32LE(at));
      part.multiply(prime1High, prime1Low);
      sum.xor(part);
      sum.rotate(23);
      sum.multiply(prime2High, prime2Low);
      sum.add(prime3High, prime3Low);
      at += 4;
    }
    for (; at < this.#restLength; at++) {
      const part = new Sum64(0, this.#rest[at]);
      part.multiply(prime5High, prime5Low);
      sum.xor(part);
      sum.rotate(11);
      sum.multiply(prime1High, prime1Low);
    }
  }
}

/** What a word goes through before it is taken into the sum. */
function scramble(word: Sum64): Sum64 {
  word.multiply(prime2High, prime2Low);
  word.rotate(31);
  word.multiply(prime1High, prime1Low);
  return word;
}

/** A number of 64 bits for the end of a hash, where speed does not matter. */
class Sum64 {
  constructor(
    public high = 0,
    public low = 0,
  ) {}

  add(high: number, low: number): void {
    const sum = (this.low + low) | 0;
    this.high = (this.high + high + (sum >>> 0 < low >>> 0 ? 1 : 0)) | 0;
    this.low = sum;
  }

  multiply(high: number, low: number): void {
    this.high =
      (multiplyHigh(this.low, low) + Math.imul(this.high, low) + Math.imul(this.low, high)) | 0;
    this.low = Math.imul(this.low, low);
  }

  /** By fewer than 32 bits. */
  rotate(bits: number): void {
    const { high, low } = this;
    this.high = (high << bits) | (low >>> (32 - bits));
    this.low = (low << bits) | (high >>> (32 - bits));
  }

  xor({ high, low }: Sum64): void {
    this.high ^= high;
    this.low ^= low;
  }

  /** With itself, moved to the right. */
  xorShifted(bits: number): void {
    const { high, low } = this;
    this.high = bits >= 32 ? high : high ^ (high >>> bits);
    this.low ^= bits >= 32 ? high >>> (bits - 32) : (low >>> bits) | (high << (32 - bits));
  }
}
