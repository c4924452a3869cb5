import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError } from '../../errors.js';
import { BlockSums, findDamage, readUpTo } from './checksums.js';
import { shellWord } from '../../system/shell-word.js';
import { errorCode } from '../../system/error-code.js';
import type { FileManifest } from './manifest.js';

/**
 * A file of a token store, read by position, with the checksums of its blocks in a file beside it. Every read is of
 * whole blocks that are checked; nothing that is not what was written gets any further.
 */

/** Small, because training reads rows of some hundred bytes in any order. */
const blockBytes = 1024;

/** Blocks that are remembered as they were checked: streams read on where they were a step ago. */
const blocksKept = 128;

/** Checksums are read this many at once, and as many times that are remembered. */
const sumsAtOnce = 256;
const sumsKept = 1024;

export const checksumsName = (path: string): string => `${path}.crc`;

/** Descriptors are good on every thread of the process. */
export interface OpenFile {
  readonly path: string;
  readonly bytes: number;
  readonly descriptor: number;
  readonly sums: number;
}

/**
 * Opens a file and its checksums.
 *
 * @param name In messages.
 * @throws UserError when either is missing, is not as long as the manifest says, or the checksums are damaged.
 */
export function openChecked(path: string, manifest: FileManifest, name = path): OpenFile {
  const descriptor = openWhole(path, name, manifest.bytes);
  try {
    const sums = openWhole(checksumsName(path), checksumsName(name), sumsBytes(manifest.bytes));
    if (hashFile(sums) === manifest.checksums)
      return { path: name, bytes: manifest.bytes, descriptor, sums };
    closeSync(sums);
    throw new UserError(`${checksumsName(name)} is damaged: it is not what the manifest says.`);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

export function closeChecked({ descriptor, sums }: OpenFile): void {
  closeSync(descriptor);
  closeSync(sums);
}

const sumsBytes = (bytes: number): number => 4 * Math.ceil(bytes / blockBytes);

function openWhole(path: string, name: string, bytes: number): number {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    if (errorCode(error) === 'ENOENT')
      throw new UserError(`The token store lacks its file ${name}.`);
    throw error;
  }
  const { size } = fstatSync(descriptor);
  if (size === bytes) return descriptor;
  closeSync(descriptor);
  throw new UserError(`${name}: expected ${bytes} bytes as in the manifest, found ${size}.`);
}

function hashFile(descriptor: number): string {
  const hash = createHash('sha256');
  const window = Buffer.allocUnsafe(1 << 16);
  for (let at = 0, count; (count = readUpTo(descriptor, window, at)) > 0; at += count) {
    hash.update(window.subarray(0, count));
  }
  return hash.digest('hex');
}

/** Writes the checksums of a file that is complete, and gives what the manifest says of it. */
export async function writeChecksums(path: string): Promise<FileManifest> {
  const file = await open(path, 'r');
  const sums = await open(checksumsName(path), 'w');
  try {
    const blocks = new BlockSums(blockBytes);
    const hash = createHash('sha256');
    const window = Buffer.allocUnsafe(1 << 20);
    let bytes = 0;
    const write = async (part: Buffer): Promise<void> => {
      hash.update(part);
      if (part.length > 0) await sums.appendFile(part);
    };
    for (let count; (count = readUpTo(file.fd, window, bytes)) > 0; bytes += count) {
      blocks.add(window.subarray(0, count));
      await write(blocks.take());
    }
    await write(blocks.finish());
    await sums.sync();
    return { bytes, checksums: hash.digest('hex') };
  } finally {
    await file.close();
    await sums.close();
  }
}

/** Reads an open file on one thread. */
export class CheckedFile {
  readonly #blocks: BlockCache;
  readonly #sums: BlockCache;
  readonly #sumOf = (block: number): number => {
    const window = Math.floor(block / sumsAtOnce);
    return this.#sums.get(window).readUInt32LE(4 * (block - window * sumsAtOnce));
  };

  constructor(readonly file: OpenFile) {
    const { descriptor, bytes, sums } = file;
    this.#sums = new BlockCache(4 * sumsAtOnce, sumsBytes(bytes), sumsKept, (into, at) => {
      if (!this.#fill(sums, into, at)) throw this.#explain('the checksums beside it are cut off');
    });
    this.#blocks = new BlockCache(blockBytes, bytes, blocksKept, (into, at) => {
      const place = `${at} to ${at + into.length}`;
      if (!this.#fill(descriptor, into, at)) throw this.#explain(`it lacks bytes from ${place}`);
      if (findDamage(into, blockBytes, at, this.#sumOf) === undefined) return;
      throw this.#explain(`its bytes from ${place} are not what was written`);
    });
  }

  /** @throws UserError when what is read is not what was written. */
  read(into: Uint8Array, position: number): void {
    for (let done = 0; done < into.length;) {
      const block = Math.floor((position + done) / blockBytes);
      const bytes = this.#blocks.get(block);
      const from = position + done - block * blockBytes;
      const length = Math.min(into.length - done, bytes.length - from);
      if (length <= 0) throw new RangeError(`${this.file.path} has no byte ${position + done}`);
      into.set(bytes.subarray(from, from + length), done);
      done += length;
    }
  }

  #fill(descriptor: number, into: Buffer, at: number): boolean {
    try {
      return readUpTo(descriptor, into, at) === into.length;
    } catch (error) {
      throw new UserError(`${this.file.path} cannot be read (${errorCode(error)}).`, {
        cause: error,
      });
    }
  }

  #explain(fault: string): UserError {
    const { path } = this.file;
    return new UserError(
      `${path} is damaged: ${fault}; remove its store, and the next start makes it anew: rm -r ${shellWord(dirname(path))}`,
    );
  }
}

/** Remembers blocks of a file; one that is asked for takes the place of another. */
class BlockCache {
  readonly #slots: number;
  readonly #held: Float64Array;
  readonly #bytes: Buffer;

  constructor(
    private readonly size: number,
    private readonly fileBytes: number,
    slots: number,
    private readonly load: (into: Buffer, at: number) => void,
  ) {
    this.#slots = Math.min(slots, Math.max(1, Math.ceil(fileBytes / size)));
    this.#held = new Float64Array(this.#slots).fill(-1);
    this.#bytes = Buffer.alloc(this.#slots * size);
  }

  get(block: number): Buffer {
    // Scattered, so that places at equal distances do not meet in one slot.
    const slot = (Math.imul(block, 0x9e3779b1) >>> 0) % this.#slots;
    const at = block * this.size;
    const length = Math.max(0, Math.min(this.size, this.fileBytes - at));
    const bytes = this.#bytes.subarray(slot * this.size, slot * this.size + length);
    if (this.#held[slot] === block) return bytes;
    this.#held[slot] = -1;
    this.load(bytes, at);
    this.#held[slot] = block;
    return bytes;
  }
}
