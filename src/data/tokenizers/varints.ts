/** Numbers below 2^32 as LEB128: seven bits a byte, the low ones first, one bit for "more follow". */

/** Bytes of the longest number. */
const longest = 5;

/** Numbers one after the other, in memory that grows and is used again. */
export class VarintWriter {
  #bytes = Buffer.allocUnsafe(1 << 16);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** What has been written; a view that lasts until more is. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  push(value: number): void {
    if (this.#length + longest > this.#bytes.length) this.#grow(longest);
    const bytes = this.#bytes;
    let at = this.#length;
    if (value < 128) {
      bytes[at] = value;
      this.#length = at + 1;
      return;
    }
    let rest = value;
    while (rest > 127) {
      bytes[at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    bytes[at] = rest;
    this.#length = at + 1;
  }

  /** Appends bytes as they are. */
  pushBytes(bytes: Uint8Array): void {
    if (this.#length + bytes.length > this.#bytes.length) this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Forgets everything and keeps the memory. */
  clear(): void {
    this.#length = 0;
  }

  #grow(by: number): void {
    const larger = Buffer.allocUnsafe(2 * this.#length + by);
    larger.set(this.bytes);
    this.#bytes = larger;
  }
}

/** Reads what a VarintWriter wrote. */
export class VarintReader {
  #at = 0;

  constructor(readonly bytes: Uint8Array) {}

  get done(): boolean {
    return this.#at >= this.bytes.length;
  }

  next(): number {
    const bytes = this.bytes;
    let at = this.#at;
    let byte = bytes[at++]!;
    let value = byte & 127;
    for (let shift = 7; byte > 127; shift += 7) {
      byte = bytes[at++]!;
      value |= (byte & 127) << shift;
    }
    this.#at = at;
    return value >>> 0;
  }

  /** Reads the next `count` numbers into the start of an array. */
  read(into: Uint32Array, count: number): void {
    const bytes = this.bytes;
    let at = this.#at;
    for (let i = 0; i < count; i++) {
      let byte = bytes[at++]!;
      let value = byte & 127;
      for (let shift = 7; byte > 127; shift += 7) {
        byte = bytes[at++]!;
        value |= (byte & 127) << shift;
      }
      into[i] = value;
    }
    this.#at = at;
  }
}
