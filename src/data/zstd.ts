import { Decompress } from 'fzstd';

/**
 * Zstandard by fzstd. Frames are cut into their blocks here, so that one block at a time is
 * decompressed (a few bytes can stand for gigabytes) and the window that a header asks for is
 * checked before memory is taken for it.
 */

/** Its message goes on from "the zstd data". */
export class DamagedZstd extends Error {
  override name = 'DamagedZstd';
}

/** As much as the `zstd` program accepts unless told otherwise. */
const largestWindow = 2 ** 27;
const largestBlock = 2 ** 17;
const frameMagic = 0xfd2fb528;
/** Frames that carry something else begin with one of sixteen numbers. */
const skippableMagic = 0x184d2a50;

/**
 * Decompresses data that arrives in pieces: any number of frames, one after the other. Their
 * checksums are not verified.
 *
 * @throws DamagedZstd
 */
export async function* decompressZstd(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const input = new ByteReader(pieces);
  try {
    do {
      const magic = await input.take(4);
      const number = magic.readUInt32LE();
      if (number === frameMagic) yield* decompressFrame(magic, input);
      else if ((number & ~15) === skippableMagic)
        await input.skip((await input.take(4)).readUInt32LE());
      else throw new DamagedZstd('is damaged: expected the start of a frame');
    } while (await input.hasMore());
  } finally {
    await input.close();
  }
}

async function* decompressFrame(
  magic: Buffer,
  input: ByteReader,
): AsyncGenerator<Uint8Array, void, undefined> {
  const blocks: Uint8Array[] = [];
  const decoder = new Decompress((block) => blocks.push(block));
  const push = (bytes: Uint8Array, isLast: boolean): Uint8Array[] => {
    try {
      decoder.push(bytes, isLast);
    } catch {
      throw new DamagedZstd('is damaged');
    }
    return blocks.splice(0);
  };
  const { header, hasChecksum } = await readFrameHeader(input);
  yield* push(Buffer.concat([magic, header]), false);
  for (let isLast = false; !isLast;) {
    const blockHeader = await input.take(3);
    const bits = blockHeader.readUIntLE(0, 3);
    const size = bits >> 3;
    if (size > largestBlock) throw new DamagedZstd('is damaged: it has a block that is too large');
    isLast = (bits & 1) === 1;
    const isRepeatedByte = ((bits >> 1) & 3) === 1;
    const content = await input.take(isRepeatedByte ? 1 : size);
    yield* push(Buffer.concat([blockHeader, content]), false);
  }
  yield* push(hasChecksum ? await input.take(4) : new Uint8Array(), true);
}

async function readFrameHeader(
  input: ByteReader,
): Promise<{ header: Buffer; hasChecksum: boolean }> {
  const descriptor = await input.take(1);
  const flags = descriptor[0]!;
  const isSingleSegment = (flags & 32) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][flags & 3]!;
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][flags >> 6]!;
  const fields = await input.take((isSingleSegment ? 0 : 1) + dictionaryBytes + sizeBytes);
  const window = isSingleSegment
    ? readSize(fields.subarray(dictionaryBytes))
    : 2 ** (10 + (fields[0]! >> 3)) * (1 + (fields[0]! & 7) / 8);
  if (window > largestWindow) {
    throw new DamagedZstd(
      `asks for a window of ${Math.ceil(window / 2 ** 20)} MiB: expected at most ${largestWindow / 2 ** 20} MiB`,
    );
  }
  return { header: Buffer.concat([descriptor, fields]), hasChecksum: (flags & 4) !== 0 };
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
    return part;
  }
}
