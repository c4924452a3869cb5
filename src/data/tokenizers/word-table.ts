/**
 * Numbers words by first appearance, from 0. Words are looked up where they stand in a text, and their
 * letters are kept in one array: no string is made for a word that is looked at, and millions of
 * words are three arrays to the garbage collector. (Twice as fast as a Map of substrings, which
 * would also keep the texts alive that they are cut from.)
 */
export class WordTable {
  size = 0;
  /** Code units of all words, one after the other; word i ends at `ends[i]`. */
  #letters = new Uint16Array(1 << 12);
  #ends = new Float64Array(1 << 9);
  #hashes = new Int32Array(1 << 9);
  /** Open addressing: number of the word plus one, 0 where free; at most half full. */
  #slots = new Int32Array(1 << 10);

  /** The number of the word `text[start, end)`, or -1. */
  find(text: string, start: number, end: number): number {
    return this.#slots[this.#locate(text, start, end, hash(text, start, end))]! - 1;
  }

  /** The number of the word `text[start, end)`, which is entered if it is new. */
  add(text: string, start: number, end: number): number {
    const code = hash(text, start, end);
    const slot = this.#locate(text, start, end, code);
    const found = this.#slots[slot]! - 1;
    return found >= 0 ? found : this.#enter(text, start, end, code, slot);
  }

  /** The word of a number. */
  word(index: number): string {
    const letters = this.#letters.subarray(this.#start(index), this.#ends[index]);
    return Buffer.from(letters.buffer, letters.byteOffset, letters.byteLength).toString('utf16le');
  }

  #start(index: number): number {
    return index === 0 ? 0 : this.#ends[index - 1]!;
  }

  /** The slot that holds the word, or the free one where it belongs. */
  #locate(text: string, start: number, end: number, code: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let slot = code & mask; ; slot = (slot + 1) & mask) {
      const index = slots[slot]! - 1;
      if (index < 0) return slot;
      if (this.#hashes[index] === code && this.#equals(index, text, start, end)) return slot;
    }
  }

  #equals(index: number, text: string, start: number, end: number): boolean {
    const letters = this.#letters;
    const first = this.#start(index);
    const length = end - start;
    if (this.#ends[index]! - first !== length) return false;
    for (let i = 0; i < length; i++) {
      if (letters[first + i] !== text.charCodeAt(start + i)) return false;
    }
    return true;
  }

  #enter(text: string, start: number, end: number, code: number, slot: number): number {
    const index = this.size;
    const first = this.#start(index);
    const last = first + end - start;
    if (last > this.#letters.length) this.#letters = grow(Uint16Array, this.#letters, 2 * last);
    for (let i = start; i < end; i++) this.#letters[first + i - start] = text.charCodeAt(i);
    if (index === this.#ends.length) {
      this.#ends = grow(Float64Array, this.#ends, 2 * index);
      this.#hashes = grow(Int32Array, this.#hashes, 2 * index);
    }
    this.#ends[index] = last;
    this.#hashes[index] = code;
    this.#slots[slot] = index + 1;
    this.size += 1;
    if (2 * this.size > this.#slots.length) this.#spread();
    return index;
  }

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

/** FNV-1a over code units, its high bits folded into the low ones that choose the slot. */
function hash(text: string, start: number, end: number): number {
  let code = 0x811c9dc5;
  for (let i = start; i < end; i++) code = Math.imul(code ^ text.charCodeAt(i), 0x01000193);
  return code ^ (code >>> 15);
}

function grow<T extends Uint16Array | Int32Array | Float64Array>(
  Kind: new (length: number) => T,
  from: T,
  length: number,
): T {
  const into = new Kind(length);
  into.set(from);
  return into;
}
