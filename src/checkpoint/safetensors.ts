import { createHash, type Hash } from 'node:crypto';
import * as nodeFs from 'node:fs/promises';
import { UserError } from '../errors.js';
import { writeFully } from '../system/disk.js';
import {
  broken,
  elementBytes,
  formatHeader,
  maxHeaderBytes,
  parseHeader,
  prefixBytes,
  type Tensor,
  type TensorEntry,
} from './safetensors-header.js';

export type { Dtype, Tensor, TensorEntry } from './safetensors-header.js';

/**
 * Files of named tensors in the safetensors format, streamed to and from memory that the caller owns;
 * docs/formats.md describes them.
 */

/** The part of `node:fs/promises` in use here; tests give one that fails. */
export type FileSystem = Pick<typeof nodeFs, 'open'>;

export interface SafetensorsOptions {
  fs?: FileSystem;
}

export interface ReadOptions extends SafetensorsOptions {
  /** What the file's bytes are to have, in hexadecimal. */
  sha256?: string;
}

/** Bytes of one read, write or hash call: bounds the time between two turns of the event loop. */
const chunkBytes = 4 * 2 ** 20;

/**
 * Writes the tensors to `path` as F32 and flushes them to the disk. The bytes are a function of the
 * names, shapes and elements alone: tensors lie in the order of their names. The caller names a
 * temporary path and renames it.
 *
 * @returns the file's size and the SHA-256 of its bytes, in hexadecimal
 * @throws the file system's own error when the disk is full or the path cannot be written
 */
export async function writeSafetensors(
  path: string,
  tensors: Tensor[],
  { fs = nodeFs }: SafetensorsOptions = {},
): Promise<{ bytes: number; sha256: string }> {
  const ordered = tensors.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const hash = createHash('sha256');
  const file = await fs.open(path, 'w');
  let bytes = 0;
  try {
    // Views on shared memory are written as they are: Node copies nothing and accepts them.
    for (const part of [formatHeader(ordered), ...ordered.map(({ data }) => bytesOf(data))]) {
      for (const chunk of chunksOf(part)) {
        hash.update(chunk);
        await writeFully(file, chunk, bytes);
        bytes += chunk.length;
      }
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { bytes, sha256: hash.digest('hex') };
}

/**
 * Lists the tensors of a file in the order of their data.
 *
 * @throws UserError naming the file when it cannot be read or is not a sound safetensors file
 */
export async function readSafetensorsHeader(
  path: string,
  { fs = nodeFs }: SafetensorsOptions = {},
): Promise<TensorEntry[]> {
  return withFile(path, fs, (file) => readHeader(path, file));
}

/**
 * Reads tensors into memory that the caller owns. `into` is asked for every tensor of the file and
 * answers with an array of as many elements as the shape has, or undefined to leave it unread.
 * F64, F16 and BF16 are converted to float32.
 *
 * @throws UserError naming the file (and tensor) when it cannot be read, is not a sound safetensors
 *   file, has another SHA-256 than it should, or a tensor does not fit the array given for it
 */
export async function readSafetensors(
  path: string,
  into: (name: string, shape: number[]) => Float32Array | undefined,
  { fs = nodeFs, sha256 }: ReadOptions = {},
): Promise<void> {
  // A file is its header and its tensors, one behind the other.
  const hash = sha256 === undefined ? undefined : createHash('sha256');
  await withFile(path, fs, async (file) => {
    for (const entry of await readHeader(path, file, hash)) {
      const target = into(entry.name, entry.shape);
      if (!target) {
        if (hash) await hashTensor(path, file, entry, hash);
        continue;
      }
      const elements = (entry.end - entry.begin) / elementBytes[entry.dtype];
      if (target.length !== elements) {
        throw new UserError(
          `${path}: tensor "${entry.name}" has ${elements} elements, expected ${target.length}`,
        );
      }
      await readTensor(path, file, entry, target, hash);
    }
    if (hash && hash.digest('hex') !== sha256) {
      throw broken(path, 'its SHA-256 is not the one that it was written with');
    }
  });
}

async function withFile<T>(
  path: string,
  fs: FileSystem,
  use: (file: nodeFs.FileHandle) => Promise<T>,
): Promise<T> {
  try {
    const file = await fs.open(path, 'r');
    try {
      return await use(file);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof UserError || !(error instanceof Error && 'code' in error)) throw error;
    const reason = error.code === 'ENOENT' ? 'there is no such file' : error.message;
    throw new UserError(`${path}: cannot be read: ${reason}`, { cause: error });
  }
}

async function readHeader(
  path: string,
  file: nodeFs.FileHandle,
  hash?: Hash,
): Promise<TensorEntry[]> {
  const { size } = await file.stat();
  const prefix = Buffer.alloc(prefixBytes);
  if (size < prefixBytes) throw broken(path, `it ends after ${size} bytes, within its first field`);
  await readFully(path, file, prefix, 0, hash);
  const length = prefix.readBigUInt64LE();
  if (length > maxHeaderBytes) {
    throw broken(path, `its header claims ${length.toString()} bytes, more than ${maxHeaderBytes}`);
  }
  const dataBegin = prefixBytes + Number(length);
  if (dataBegin > size) {
    throw broken(path, `it ends after ${size} bytes, within its header of ${Number(length)} bytes`);
  }
  const header = Buffer.alloc(Number(length));
  await readFully(path, file, header, prefixBytes, hash);
  return parseHeader(path, header, size);
}

async function readTensor(
  path: string,
  file: nodeFs.FileHandle,
  { dtype, begin, end }: TensorEntry,
  target: Float32Array,
  hash?: Hash,
): Promise<void> {
  if (dtype === 'F32') return readFully(path, file, bytesOf(target), begin, hash);
  const staging = Buffer.alloc(Math.min(chunkBytes, end - begin));
  const view = new DataView(staging.buffer, staging.byteOffset, staging.length);
  const size = elementBytes[dtype];
  let element = 0;
  for (let position = begin; position < end; position += staging.length) {
    const chunk = staging.subarray(0, Math.min(staging.length, end - position));
    await readFully(path, file, chunk, position, hash);
    for (let at = 0; at < chunk.length; at += size) target[element++] = decode[dtype](view, at);
  }
}

async function hashTensor(
  path: string,
  file: nodeFs.FileHandle,
  { begin, end }: TensorEntry,
  hash: Hash,
): Promise<void> {
  const staging = Buffer.alloc(Math.min(chunkBytes, end - begin));
  for (let position = begin; position < end; position += staging.length) {
    const chunk = staging.subarray(0, Math.min(staging.length, end - position));
    await readFully(path, file, chunk, position, hash);
  }
}

const decode = {
  F64: (view: DataView, at: number) => view.getFloat64(at, true),
  BF16: (view: DataView, at: number) => fromBits(view.getUint16(at, true) << 16),
  F16: (view: DataView, at: number) => {
    const bits = view.getUint16(at, true);
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  },
};

const bitsOfFloat = new DataView(new ArrayBuffer(4));

function fromBits(bits: number): number {
  bitsOfFloat.setInt32(0, bits);
  return bitsOfFloat.getFloat32(0);
}

function bytesOf(data: Float32Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function* chunksOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

async function readFully(
  path: string,
  file: nodeFs.FileHandle,
  bytes: Uint8Array,
  at: number,
  hash?: Hash,
): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const length = Math.min(chunkBytes, bytes.length - done);
    const { bytesRead } = await file.read(bytes, done, length, at + done);
    if (bytesRead === 0) throw broken(path, `it ended at byte ${at + done} while it was read`);
    hash?.update(bytes.subarray(done, done + bytesRead));
    done += bytesRead;
  }
}
