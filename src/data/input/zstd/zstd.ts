import { XxHash64 } from './xxhash64.js';
import { BlockDecoder, largestBlock } from './zstd-block.js';
import { DamagedBlock } from './zstd-entropy.js';

/**
 * The frames of Zstandard (RFC 8878), decompressed a block at a time: a few bytes can stand for
 * gigabytes. The window that a header asks for is checked before memory is taken for it. What the
 * `zstd` program refuses is refused; Node has a decoder of its own in later versions only.
 */

/** Its message goes on from "the zstd data". */
export class DamagedZstd extends Error {
  override name = 'DamagedZstd';
}

/** As much as the `zstd` program accepts unless told otherwise. */
const largestWindow = 2 ** 27;
const magicBytes = 4;
const frameMagic = 0xfd2fb528;
/** Frames that carry something else begin with one of sixteen numbers. */
const skippableMagic = 0x184d2a50;

/**
 * Decompresses data that arrives in pieces: any number of frames, one after the other. What a frame
 * says of itself is verified: its length, the lengths of its blocks, its checksum.
 *
 * @throws DamagedZstd
 */
export async function* decompressZstd(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const input = new ByteReader(pieces);
  try {
    do {
      const start = input.position;
      const magic = await input.take(magicBytes);
      const number = magic.readUInt32LE();
      if (number === frameMagic) yield* decompressFrame(input);
      else if ((number & ~15) === skippableMagic)
        await input.skip((await input.take(4)).readUInt32LE());
      else throw new DamagedZstd(`is damaged: expected the start of a frame at byte ${start}`);
    } while (await input.hasMore());
  } finally {
    await input.close();
  }
}

async function* decompressFrame(input: ByteReader): AsyncGenerator<Uint8Array, void, undefined> {
  const start = input.position - magicBytes;
  const header = await readFrameHeader(input);
  const largest = Math.min(largestBlock, header.window);
  const decoder = new BlockDecoder(header.window, largest);
  const hash = header.hasChecksum ? new XxHash64() : undefined;
  let length = 0;
  for (let isLast = false; !isLast;) {
    const at = input.position;
    const bits = (await input.take(3)).readUIntLE(0, 3);
    isLast = (bits & 1) === 1;
    const size = bits >> 3;
    const kind = blockKinds[(bits >> 1) & 3];
    if (kind === undefined || size > largest) {
      throw new DamagedZstd(`is damaged: expected the start of a block at byte ${at}`);
    }
    const content = await input.take(kind === 'repeated' ? 1 : size);
    const block = decodeBlock(decoder, kind, content, size, at);
    length += block.length;
    hash?.update(block);
    if (block.length > 0) yield block;
  }
  if (header.contentSize !== undefined && header.contentSize !== length) {
    throw new DamagedZstd(
      `is damaged: its frame at byte ${start} says that it holds ${header.contentSize} bytes, but holds ${length}`,
    );
  }
  if (hash !== undefined && (await input.take(4)).readUInt32LE() !== hash.digestLow()) {
    throw new DamagedZstd(
      `is damaged: the checksum of its frame at byte ${start} does not fit its content`,
    );
  }
}

/** By the bits that name them. */
const blockKinds = ['raw', 'repeated', 'compressed'] as const;

function decodeBlock(
  decoder: BlockDecoder,
  kind: (typeof blockKinds)[number],
  content: Buffer,
  size: number,
  at: number,
): Uint8Array {
  try {
    if (kind === 'raw') return decoder.addRaw(content);
    if (kind === 'repeated') return decoder.addRepeated(content[0]!, size);
    return decoder.addCompressed(content);
  } catch (error) {
    if (!(error instanceof DamagedBlock)) throw error;
    throw new DamagedZstd(`is damaged in its block at byte ${at}: ${error.message}`);
  }
}

interface FrameHeader {
  readonly window: number;
  readonly contentSize?: number;
  readonly hasChecksum: boolean;
}

async function readFrameHeader(input: ByteReader): Promise<FrameHeader> {
  const descriptor = await input.take(1);
  const flags = descriptor[0]!;
  if ((flags & 8) !== 0) throw new DamagedZstd('is damaged: the header of a frame is impossible');
  const isSingleSegment = (flags & 32) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][flags & 3]!;
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][flags >> 6]!;
  const fields = await input.take((isSingleSegment ? 0 : 1) + dictionaryBytes + sizeBytes);
  const dictionary = fields.subarray(isSingleSegment ? 0 : 1, fields.length - sizeBytes);
  if (dictionary.some((byte) => byte !== 0)) {
    throw new DamagedZstd('was compressed with a dictionary: expected data without one');
  }
  const contentSize =
    sizeBytes === 0 ? undefined : readSize(fields.subarray(fields.length - sizeBytes));
  const window = isSingleSegment
    ? contentSize!
    : 2 ** (10 + (fields[0]! >> 3)) * (1 + (fields[0]! & 7) / 8);
  if (window > largestWindow) {
    throw new DamagedZstd(
      `asks for a window of ${Math.ceil(window / 2 ** 20)} MiB: expected at most ${largestWindow / 2 ** 20} MiB`,
    );
  }
  return {
    window,
    ...(contentSize !== undefined && { contentSize }),
    hasChecksum: (flags & 4) !== 0,
  };
}

/** The frame's content size: little endian; that of two bytes counts from 256. */
function readSize(field: Buffer): number {
  if (field.length === 8) return Number(field.readBigUInt64LE());
  return field.readUIntLE(0, field.length) + (field.length === 2 ? 256 : 0);
}

async function* iterate<T>(
  items: AsyncIterable<T> | Iterable<T>,
): AsyncGenerator<T, void, undefined> {
  yield* items;
}

/** Takes exact numbers of bytes from pieces of any size. */
class ByteReader {
  readonly #pieces: AsyncGenerator<Uint8Array, void, undefined>;
  #piece: Buffer = Buffer.alloc(0);
  /** Bytes taken so far. */
  position = 0;

  constructor(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
    this.#pieces = iterate(pieces);
  }

  async hasMore(): Promise<boolean> {
    while (this.#piece.length === 0) {
      const next = await this.#pieces.next();
      if (next.done === true) return false;
      const { buffer, byteOffset, length } = next.value;
      this.#piece = Buffer.from(buffer, byteOffset, length);
    }
    return true;
  }

  async take(length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let left = length; left > 0;) {
      const part = await this.#takeSome(left);
      parts.push(part);
      left -= part.length;
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  async skip(length: number): Promise<void> {
    for (let left = length; left > 0;) left -= (await this.#takeSome(left)).length;
  }

  async close(): Promise<void> {
    await this.#pieces.return();
  }

  async #takeSome(length: number): Promise<Buffer> {
    if (!(await this.hasMore())) throw new DamagedZstd('is cut off');
    const part = this.#piece.subarray(0, length);
    this.#piece = this.#piece.subarray(length);
    this.position += part.length;
    return part;
  }
}
