import { readSync } from 'node:fs';
import { crc32 } from 'node:zlib';

/** Files are checked as they are read, block by block: a CRC-32 for each. */

/** Gives the CRC-32 of every `blockBytes` bytes of what is added, and of the rest. */
export class BlockSums {
  readonly #sums: number[] = [];
  #open = 0;
  #filled = 0;

  constructor(readonly blockBytes: number) {}

  add(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const length = Math.min(bytes.length - at, this.blockBytes - this.#filled);
      this.#open = crc32(bytes.subarray(at, at + length), this.#open);
      this.#filled += length;
      at += length;
      if (this.#filled === this.blockBytes) this.#close();
    }
  }

  /** The sums of the blocks that are full, which are forgotten. */
  take(): Buffer {
    const sums = Uint32Array.from(this.#sums.splice(0));
    return Buffer.from(sums.buffer);
  }

  /** The sums that are left, with that of the last block, which may be a short one. */
  finish(): Buffer {
    if (this.#filled > 0) this.#close();
    return this.take();
  }

  #close(): void {
    this.#sums.push(this.#open);
    this.#open = this.#filled = 0;
  }
}

/** Where bytes lie in a file. */
export interface Place {
  readonly start: number;
  readonly end: number;
}

/**
 * Which of the blocks in `bytes` are not what their sums say.
 *
 * @param start Where in the file the first block begins.
 * @param sums Of all these blocks.
 * @returns The place of the first one.
 */
export function findDamage(
  bytes: Uint8Array,
  blockBytes: number,
  start: number,
  sums: (block: number) => number,
): Place | undefined {
  for (let at = 0, block = start / blockBytes; at < bytes.length; at += blockBytes, block++) {
    const part = bytes.subarray(at, at + blockBytes);
    if (crc32(part) !== sums(block)) return { start: start + at, end: start + at + part.length };
  }
  return undefined;
}

/** Fills `into` from a position of a file; gives how many bytes there were. */
export function readUpTo(descriptor: number, into: Uint8Array, position: number): number {
  let done = 0;
  while (done < into.length) {
    const count = readSync(descriptor, into, done, into.length - done, position + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}
