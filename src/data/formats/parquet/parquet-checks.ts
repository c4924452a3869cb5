/**
 * What hyparquet takes on trust and a damaged file may get wrong, so that decoding it would take
 * all memory or never end. Each function walks over encoded bytes without building anything.
 */

/** Its message says what is wrong, to go on from "is damaged:". */
export class DamagedParquet extends Error {
  override name = 'DamagedParquet';
}

/** Reads bytes one after the other; the end of them is a RangeError. */
class Cursor {
  constructor(
    readonly bytes: Uint8Array,
    public at: number,
    readonly end = bytes.length,
  ) {}

  byte(): number {
    if (this.at >= this.end) throw new RangeError('there are too few bytes');
    return this.bytes[this.at++]!;
  }

  skip(length: number): void {
    if (length > this.end - this.at) throw new RangeError('there are too few bytes');
    this.at += length;
  }

  /** Unsigned LEB128 of at most 64 bits. */
  varint(): number {
    let value = 0;
    for (let i = 0; i < 10; i++) {
      const byte = this.byte();
      value += (byte & 127) * 2 ** (7 * i);
      if (byte < 128) return value;
    }
    throw new DamagedParquet('a number has too many digits');
  }
}

const deepestStruct = 32;

/**
 * The length of a struct in Thrift's compact protocol.
 *
 * @returns undefined when it does not end within the bytes.
 */
export function measureStruct(bytes: Uint8Array): number | undefined {
  const cursor = new Cursor(bytes, 0);
  try {
    skipStruct(cursor, 0);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  return cursor.at;
}

function skipStruct(cursor: Cursor, depth: number): void {
  if (depth > deepestStruct) throw new DamagedParquet('its description is nested too deeply');
  for (;;) {
    const header = cursor.byte();
    const type = header & 15;
    if (type === 0) return;
    if (header < 16) cursor.varint();
    // The header of a field has the value of a boolean in its type.
    if (type > 2) skipValue(cursor, type, depth);
  }
}

function skipValue(cursor: Cursor, type: number, depth: number): void {
  switch (type) {
    case 1:
    case 2:
    case 3:
      cursor.skip(1);
      return;
    case 4:
    case 5:
    case 6:
      cursor.varint();
      return;
    case 7:
      cursor.skip(8);
      return;
    case 8:
      cursor.skip(cursor.varint());
      return;
    case 9: {
      const header = cursor.byte();
      const size = header >> 4 === 15 ? cursor.varint() : header >> 4;
      for (let i = 0; i < size; i++) skipValue(cursor, header & 15, depth);
      return;
    }
    case 12:
      skipStruct(cursor, depth + 1);
      return;
    default:
      throw new DamagedParquet('its description has a value of an unknown type');
  }
}

/**
 * Checks the hybrid of runs and bit-packed groups in which levels and places in a dictionary stand:
 * it must give the expected number of values from bytes that are there.
 */
export function checkRuns(
  bytes: Uint8Array,
  start: number,
  end: number,
  bitWidth: number,
  count: number,
): void {
  if (bitWidth > 32) throw new DamagedParquet(`a page has numbers of ${bitWidth} bits`);
  const cursor = new Cursor(bytes, start, end);
  for (let left = count; left > 0;) {
    const header = cursor.varint();
    const size = Math.floor(header / 2);
    const isPacked = header % 2 === 1;
    // The last packed group is filled up to eight values.
    if (size > (isPacked ? Math.ceil(left / 8) : left)) {
      throw new DamagedParquet('a page has more values than its header says');
    }
    cursor.skip(isPacked ? size * bitWidth : Math.ceil(bitWidth / 8));
    left -= isPacked ? size * 8 : size;
  }
}

/**
 * Checks numbers of the encoding DELTA_BINARY_PACKED.
 *
 * @returns Where they end.
 */
export function checkDeltas(bytes: Uint8Array, start: number, count: number): number {
  const cursor = new Cursor(bytes, start);
  const blockSize = cursor.varint();
  const miniblocks = cursor.varint();
  const total = cursor.varint();
  cursor.varint();
  const size = blockSize / miniblocks;
  if (!Number.isInteger(size) || size % 8 !== 0 || size === 0 || blockSize > largestDeltaBlock) {
    throw new DamagedParquet('a page has differences in blocks of an impossible size');
  }
  if (total !== count) throw new DamagedParquet('a page has not the values that its header says');
  for (let left = count - 1; left > 0;) {
    cursor.varint();
    const widths = cursor.at;
    cursor.skip(miniblocks);
    for (let i = 0; i < miniblocks && left > 0; i++, left -= size) {
      const bitWidth = bytes[widths + i]!;
      if (bitWidth > 64) throw new DamagedParquet(`a page has numbers of ${bitWidth} bits`);
      cursor.skip((size * bitWidth) / 8);
    }
  }
  return cursor.at;
}

const largestDeltaBlock = 2 ** 16;

/** A whole number that a file says, in the range that makes sense. */
export function requireCount(value: unknown, most: number, what: string): number {
  const count = typeof value === 'bigint' ? Number(value) : value;
  if (typeof count === 'number' && Number.isInteger(count) && count >= 0 && count <= most) {
    return count;
  }
  throw new DamagedParquet(
    `${what} is said to be ${String(value)}, which is not from 0 to ${most}`,
  );
}
