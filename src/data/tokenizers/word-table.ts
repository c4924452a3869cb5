import { decodeUtf8 } from '../../system/utf8.js';

/**
 * Numbers words by first appearance, from 0. A word is its UTF-8, looked up where it stands in a
 * text: no string is made for it, and millions of words are four arrays to the garbage collector.
 */
export class WordTable {
  size = 0;
  /** The words, one after the other; word i ends at `#ends[i]`. */
  #letters = new Uint8Array(1 << 12);
  #ends = new Uint32Array(1 << 9);
  #hashes = new Int32Array(1 << 9);
  /** Open addressing: number of the word plus one, 0 where free; at most half full. */
  #slots = new Int32Array(1 << 10);

  /** The number of the word `bytes[start, end)`, or -1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    return this.#slots[this.#locate(bytes, start, end, hashWord(bytes, start, end))]! - 1;
  }

  /** The number of the word `bytes[start, end)`, which is entered if it is new. */
  add(bytes: Uint8Array, start: number, end: number): number {
    return this.addHashed(bytes, start, end, hashWord(bytes, start, end));
  }

  /** As `add`, for those who have the word's hash (see `hashWord`). */
  addHashed(bytes: Uint8Array, start: number, end: number, code: number): number {
    const slot = this.#locate(bytes, start, end, code);
    const found = this.#slots[slot]! - 1;
    return found >= 0 ? found : this.#enter(bytes, start, end, code, slot);
  }

  /** The word of a number. */
  word(index: number): string {
    return decodeUtf8(this.letters(index));
  }

  /** The UTF-8 of a word; a view that lasts until the next word is added. */
  letters(index: number): Uint8Array {
    return this.#letters.subarray(this.#start(index), this.#ends[index]);
  }

  /** The hash of a word (see `hashWord`). */
  hash(index: number): number {
    return this.#hashes[index]!;
  }

  /** Below 0 where the first of two words comes first by the UTF-16 code units of its text, as `<` has it. */
  compare(one: number, other: number): number {
    const letters = this.#letters;
    let a = this.#start(one);
    let b = this.#start(other);
    const length = this.#ends[one]! - a;
    const otherLength = this.#ends[other]! - b;
    for (const end = a + Math.min(length, otherLength); a < end; a++, b++) {
      if (letters[a] !== letters[b]) return unitsFrom(letters[a]!) - unitsFrom(letters[b]!);
    }
    return length - otherLength;
  }

  /** Forgets all words and keeps the memory. */
  clear(): void {
    this.size = 0;
    this.#slots.fill(0);
  }

  #start(index: number): number {
    return index === 0 ? 0 : this.#ends[index - 1]!;
  }

  /** The slot that holds the word, or the free one where it belongs. */
  #locate(bytes: Uint8Array, start: number, end: number, code: number): number {
    const slots = this.#slots;
    const hashes = this.#hashes;
    const mask = slots.length - 1;
    for (let slot = code & mask; ; slot = (slot + 1) & mask) {
      const index = slots[slot]! - 1;
      if (index < 0) return slot;
      if (hashes[index] !== code) continue;
      const first = this.#start(index);
      if (this.#ends[index]! - first !== end - start) continue;
      const letters = this.#letters;
      let i = start;
      for (let letter = first; i < end && letters[letter] === bytes[i]; letter++) i++;
      if (i === end) return slot;
    }
  }

  #enter(bytes: Uint8Array, start: number, end: number, code: number, slot: number): number {
    const index = this.size++;
    const first = this.#start(index);
    const last = first + end - start;
    if (last > this.#letters.length) {
      const larger = new Uint8Array(2 * last);
      larger.set(this.#letters);
      this.#letters = larger;
    }
    for (let i = start; i < end; i++) this.#letters[first + i - start] = bytes[i]!;
    if (index === this.#ends.length) {
      const ends = new Uint32Array(2 * index);
      const hashes = new Int32Array(2 * index);
      ends.set(this.#ends);
      hashes.set(this.#hashes);
      this.#ends = ends;
      this.#hashes = hashes;
    }
    this.#ends[index] = last;
    this.#hashes[index] = code;
    this.#slots[slot] = index + 1;
    if (2 * this.size > this.#slots.length) this.#spread();
    return index;
  }

  /** Doubles the slots. */
  #spread(): void {
    const slots = new Int32Array(2 * this.#slots.length);
    const mask = slots.length - 1;
    for (let index = 0; index < this.size; index++) {
      let slot = this.#hashes[index]! & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = index + 1;
    }
    this.#slots = slots;
  }
}

/** Orders bytes as the code units do that begin with them: surrogates, of four bytes, come before U+E000 to U+FFFF, of three. */
function unitsFrom(byte: number): number {
  return byte === 0xee || byte === 0xef ? byte + 0x10 : byte;
}

/** The hash of a word: `emptyHash` taken on by each of its bytes, and finished. */
export function hashWord(bytes: Uint8Array, start: number, end: number): number {
  let code = emptyHash;
  for (let i = start; i < end; i++) code = takeByte(code, bytes[i]!);
  return finishHash(code);
}

export const emptyHash = 0x811c9dc5 | 0;

/** FNV-1a. */
export function takeByte(code: number, byte: number): number {
  return Math.imul(code ^ byte, 0x01000193);
}

/** Mixes a hash so that any few of its 32 bits are a good one. */
export function finishHash(code: number): number {
  const mixed = Math.imul(code ^ (code >>> 15), 0x2c1b3c6d);
  return mixed ^ (mixed >>> 13);
}
