import { describe, expect, it } from 'vitest';
import {
  checkDeltas,
  checkRuns,
  DamagedParquet,
  measureStruct,
  requireCount,
} from '../../../../src/data/formats/parquet/parquet-checks.js';

/** A varint of the given size, then whatever follows. */
function bytes(...parts: number[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => varint(part)));
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [128 + (value % 128), ...varint(Math.floor(value / 128))];
}

describe('structs of Thrift', () => {
  it('are measured to their end', () => {
    // A number, a text of two letters, a list of two numbers and one of two booleans, a struct.
    const struct = [0x15, 2, 0x18, 2, 97, 98, 0x19, 0x25, 1, 2, 0x19, 0x21, 1, 2, 0x1c, 0x11, 0, 0];
    expect(measureStruct(Uint8Array.from([...struct, 7, 7]))).toBe(struct.length);
    for (let length = 0; length < struct.length; length++) {
      expect(measureStruct(Uint8Array.from(struct.slice(0, length)))).toBeUndefined();
    }
  });

  it('with a list, a text or a struct longer than the bytes do not end', () => {
    expect(
      measureStruct(Uint8Array.from([0x19, 0xfc, ...varint(2 ** 31), 0, 0, 0])),
    ).toBeUndefined();
    expect(measureStruct(Uint8Array.from([0x18, ...varint(2 ** 32), 0]))).toBeUndefined();
  });

  it('are refused when they are too deep, or their numbers too long or of no known type', () => {
    expect(() => measureStruct(new Uint8Array(1000).fill(0x1c))).toThrow(DamagedParquet);
    expect(() => measureStruct(Uint8Array.from([0x16, ...Array<number>(11).fill(0x80)]))).toThrow(
      DamagedParquet,
    );
    expect(() => measureStruct(Uint8Array.from([0x1d, 0, 0]))).toThrow(DamagedParquet);
  });
});

describe('runs', () => {
  const check = (data: Uint8Array, bitWidth: number, count: number) => (): void =>
    checkRuns(data, 0, data.length, bitWidth, count);

  it('that give the expected number of values are fine', () => {
    expect(check(bytes(2 * 100, 1), 1, 100)).not.toThrow();
    expect(check(bytes(2 * 90, 1, 2 * 2 + 1, 7, 7), 1, 100)).not.toThrow();
    expect(check(bytes(2 * 2 + 1, 7, 7, 7, 7, 7, 7), 3, 16)).not.toThrow();
    expect(check(bytes(), 3, 0)).not.toThrow();
  });

  it('that give more, which would take all memory, are refused', () => {
    expect(check(bytes(2 * 101, 1), 1, 100)).toThrow(DamagedParquet);
    expect(check(bytes(2 * 2 ** 31, 1), 1, 100)).toThrow(DamagedParquet);
    expect(check(bytes(2 * 2 ** 28 + 1), 0, 100)).toThrow(DamagedParquet);
    expect(check(bytes(2 * 100, 0, 0, 0, 0, 0), 40, 100)).toThrow(DamagedParquet);
  });

  it('that end too early are refused', () => {
    expect(check(bytes(2 * 99, 1), 1, 100)).toThrow(RangeError);
    expect(check(bytes(2 * 2 + 1, 7), 3, 16)).toThrow(RangeError);
  });
});

describe('differences', () => {
  it('are measured to their end', () => {
    // Blocks of 128 in 4 parts; 33 values: the first, 32 of two bits each, whose parts end there.
    const data = bytes(128, 4, 33, 0, 0, 2, 9, 9, 9, 1, 2, 3, 4, 5, 6, 7, 8, 55);
    expect(checkDeltas(data, 0, 33)).toBe(data.length - 1);
    expect(() => checkDeltas(data, 0, 34)).toThrow(DamagedParquet);
    expect(() => checkDeltas(data.subarray(0, -3), 0, 33)).toThrow(RangeError);
  });

  it.each([
    ['none', 0, 4],
    ['parts of none', 128, 0],
    ['parts of a broken number', 128, 3],
    ['far too many', 2 ** 31, 4],
  ])(
    'in blocks of an impossible size, which would never end, are refused: %s',
    (_, size, parts) => {
      expect(() => checkDeltas(bytes(size, parts, 33, 0, 0, 0, 0, 0, 0), 0, 33)).toThrow(
        DamagedParquet,
      );
    },
  );
});

it('numbers of a file are taken in their range only', () => {
  expect(requireCount(5n, 5, 'x')).toBe(5);
  for (const value of [-1, 6, 6n, 1.5, NaN, undefined, 'x']) {
    expect(() => requireCount(value, 5, 'x')).toThrow(DamagedParquet);
  }
});
