import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decompressGzip } from '../../../src/data/input/gzip.js';
import { collect } from '../scratch.js';

const first = gzipSync('one '.repeat(100));
const second = gzipSync('two '.repeat(50));
const zeros = Buffer.alloc(600);

/** What is decompressed from data that comes in pieces of a length, or the refusal's message. */
async function decompress(length: number, ...parts: Uint8Array[]): Promise<string> {
  const all = Buffer.concat(parts);
  const pieces = async function* (): AsyncGenerator<Buffer> {
    for (let at = 0; at < all.length; at += length) {
      yield await Promise.resolve(all.subarray(at, at + length));
    }
  };
  try {
    return Buffer.concat(await collect(decompressGzip(pieces(), 1024))).toString();
  } catch (error) {
    return (error as Error).message;
  }
}

it.each([16, 64, 1024])('a file read in pieces of %i KiB may have zeros behind it', async (kib) => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-gzip-'));
  try {
    const big = Buffer.from(Array.from({ length: 100_000 }, (_, i) => `row ${i * i}\n`).join(''));
    // As stored, members are as long as what they hold: one of them ends with a piece.
    const whole = gzipSync(big.subarray(0, kib * 1024 - 23), { level: 0 });
    for (const [member, text] of [
      [gzipSync(big), big],
      [gzipSync('one row'), Buffer.from('one row')],
      [whole, big.subarray(0, kib * 1024 - 23)],
    ] as const) {
      for (const count of [1, 7, 512, 70_000, 200_000]) {
        const file = join(folder, 'padded.gz');
        writeFileSync(file, Buffer.concat([member, Buffer.alloc(count)]));
        const pieces = createReadStream(file, { highWaterMark: kib * 1024 });
        const read = Buffer.concat(await collect(decompressGzip(pieces, 65_536)));
        expect(read.equals(text), `${member.length} bytes and ${count} zeros`).toBe(true);
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe.each([1, 7, 1000])('gzip data in pieces of %i bytes', (length) => {
  it('is all of its members, and zeros behind the last one', async () => {
    const both = 'one '.repeat(100) + 'two '.repeat(50);
    expect(await decompress(length, first, second)).toBe(both);
    expect(await decompress(length, first, second, zeros)).toBe(both);
  });

  it('is refused when anything else follows a member', async () => {
    const behindZeros = `ends at byte ${first.length}, but other bytes follow: expected another member or the end of the file`;
    expect(await decompress(length, first, zeros, second)).toBe(behindZeros);
    expect(await decompress(length, first, Buffer.alloc(2), Buffer.of(7))).toBe(behindZeros);
    for (const rest of ['x', 'some text', '\u001f']) {
      expect(await decompress(length, first, Buffer.from(rest))).toBe('is damaged or cut off');
    }
  });

  it('is refused when it is cut off, or a checksum does not fit', async () => {
    for (const cut of [0, 1, 10, first.length - 1]) {
      expect(await decompress(length, first.subarray(0, cut))).toBe('is damaged or cut off');
      if (cut === 0) continue;
      expect(await decompress(length, second, first.subarray(0, cut))).toBe(
        'is damaged or cut off',
      );
    }
    const damaged = Buffer.from(first);
    damaged[first.length - 6]! ^= 1;
    expect(await decompress(length, damaged)).toBe('is damaged or cut off');
  });
});
