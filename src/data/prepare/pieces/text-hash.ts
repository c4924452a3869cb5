import { TextBytes } from '../../tokenizers/text-bytes.js';

/** A 64-bit hash of texts, by which rows with the same text are found. */
export class TextHasher {
  readonly #text = new TextBytes();

  /** Two lanes of 32 bits over the UTF-8, four bytes at a time, that are mixed in the end. */
  hash(text: string): bigint {
    this.#text.set(text);
    const { bytes, length } = this.#text;
    const padded = (length + 3) & ~3;
    bytes.fill(0, length, padded);
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, padded >> 2);
    let a = Math.imul(length, 0x9e3779b1);
    let b = length ^ 0x85ebca6b;
    for (let i = 0; i < words.length; i++) {
      const word = words[i]!;
      a = Math.imul(a ^ word, 0xcc9e2d51);
      a = (a << 15) | (a >>> 17);
      b = Math.imul(b + word, 0x1b873593) ^ a;
      b = (b << 13) | (b >>> 19);
    }
    const high = mix(a ^ Math.imul(b, 0xc2b2ae35));
    const low = mix(b ^ Math.imul(high, 0x27d4eb2f));
    return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  }
}

function mix(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
