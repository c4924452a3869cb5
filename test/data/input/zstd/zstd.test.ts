import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { mix } from '../../../../src/data/batches/order.js';
import { XxHash64 } from '../../../../src/data/input/zstd/xxhash64.js';
import { DamagedZstd, decompressZstd } from '../../../../src/data/input/zstd/zstd.js';
import { useScratch } from '../../scratch.js';

const fixtures = fileURLToPath(new URL('../../../fixtures/zstd/', import.meta.url));
const scratch = useScratch();

/** What the `zstd` program compressed into the fixtures that end in `.txt.zst`. */
const content = Array.from(
  { length: 12000 },
  (_, i) =>
    `row ${i >> 4} of ${['spam', 'ham', 'eggs'][((i * i * i) >> 3) % 3]} and ${(i * i) % 13}\n`,
).join('');

async function decompress(...pieces: Uint8Array[]): Promise<Buffer> {
  const blocks: Uint8Array[] = [];
  for await (const block of decompressZstd(pieces)) blocks.push(block);
  return Buffer.concat(blocks);
}

/** @returns The refusal's message, or what the bytes stand for. */
async function attempt(bytes: Uint8Array): Promise<string | Buffer> {
  try {
    return await decompress(bytes);
  } catch (error) {
    if (error instanceof DamagedZstd) return error.message;
    throw error;
  }
}

/** A frame of one raw block. */
function rawFrame(text: string, { flags = 0x20, size = text.length, fields = '' } = {}): Buffer {
  const head = Buffer.concat([Buffer.from('28b52ffd', 'hex'), Buffer.of(flags)]);
  const block = Buffer.alloc(3);
  block.writeUIntLE((text.length << 3) | 1, 0, 3);
  return Buffer.concat([
    head,
    Buffer.from(fields, 'hex'),
    Buffer.of(size),
    block,
    Buffer.from(text),
  ]);
}

const skippable = Buffer.from('5a2a4d1803000000616263', 'hex');

describe('zstd data', () => {
  it.each(readdirSync(fixtures).filter((name) => name.endsWith('.txt.zst')))(
    'of the zstd program gives what was compressed, in pieces of any size: %s',
    async (name) => {
      const bytes = readFileSync(fixtures + name);
      for (const size of [7, bytes.length]) {
        const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
          bytes.subarray(i * size, (i + 1) * size),
        );
        expect((await decompress(...pieces)).toString() === content).toBe(true);
      }
    },
  );

  it('with checksums is refused, or gives the same, whichever bit is flipped', async () => {
    const bytes = readFileSync(`${fixtures}checked-frames.zst`);
    const whole = await decompress(bytes);
    let harmless = 0;
    for (let at = 0; at < bytes.length; at++) {
      bytes[at]! ^= 1 << (at % 8);
      const found = await attempt(bytes);
      bytes[at]! ^= 1 << (at % 8);
      if (typeof found === 'string') continue;
      expect(found.equals(whole)).toBe(true);
      harmless += 1;
    }
    // What a skippable frame holds.
    expect(harmless).toBeLessThan(12);
  });

  it('says where a checksum does not fit', async () => {
    const bytes = readFileSync(`${fixtures}checked-frames.zst`);
    bytes[bytes.length - 1]! ^= 1;
    expect(await attempt(bytes)).toMatch(
      /^is damaged: the checksum of its frame at byte [1-9]\d* does not fit its content$/,
    );
  });

  it('may be empty frames and ones that carry something else, and nothing else', async () => {
    const frames = Buffer.concat([skippable, rawFrame('ab'), rawFrame(''), skippable]);
    expect((await decompress(frames)).toString()).toBe('ab');
    expect(await attempt(new Uint8Array())).toBe('is cut off');
    for (const length of [1, 3, 7, 10, skippable.length + 4, frames.length - 1]) {
      expect(await attempt(frames.subarray(0, length))).toBe('is cut off');
    }
    expect(await attempt(Buffer.concat([frames, Buffer.of(0)]))).toBe('is cut off');
    expect(await attempt(Buffer.concat([frames, Buffer.alloc(8)]))).toBe(
      `is damaged: expected the start of a frame at byte ${frames.length}`,
    );
  });

  it('is refused when a frame is not as it says or as it may be', async () => {
    expect(await attempt(rawFrame('abc', { size: 4 }))).toBe(
      'is damaged: its frame at byte 0 says that it holds 4 bytes, but holds 3',
    );
    expect(await attempt(rawFrame('abc', { size: 2 }))).toMatch('start of a block at byte 6');
    expect(await attempt(rawFrame('abc', { flags: 0x28 }))).toMatch('the header of a frame');
    expect(await attempt(rawFrame('abc', { flags: 0x21, fields: '07' }))).toBe(
      'was compressed with a dictionary: expected data without one',
    );
    expect(await decompress(rawFrame('abc', { flags: 0x21, fields: '00' }))).toHaveLength(3);
    const unknown = rawFrame('abc');
    unknown[6]! |= 6;
    expect(await attempt(unknown)).toMatch('expected the start of a block at byte 6');
    const short = readFileSync(`${fixtures}level-3-no-checksum.txt.zst`).subarray(0, -1);
    expect(await attempt(short)).toBe('is cut off');
  });

  it('without checksums is refused where the zstd program refuses it', async (context) => {
    if (spawnSync('zstd', ['--version']).status !== 0) context.skip('there is no zstd program');
    const { path } = await scratch();
    let drawn = 0;
    const random = (below: number): number => (mix(7, drawn++) >>> 0) % below;
    const bytes = ['level-3-no-checksum', 'fast-no-size'].map((name) =>
      readFileSync(`${fixtures}${name}.txt.zst`),
    );
    const files: { name: string; found: string | Buffer }[] = [];
    for (let i = 0; i < 100; i++) {
      const damaged = Buffer.from(bytes[i % 2]!);
      // Tables and the headers of blocks stand near the start.
      const range = i % 4 === 0 ? damaged.length : 120;
      damaged[random(range)]! ^= 1 << random(8);
      const name = path(`${i}.zst`);
      await writeFile(name, damaged);
      files.push({ name, found: await attempt(damaged) });
    }
    const taken = files.filter(({ found }) => typeof found !== 'string');
    const check = spawnSync('zstd', ['-t', ...taken.map(({ name }) => name)], { encoding: 'utf8' });
    expect(check.stderr).not.toMatch(/error|corrupt|match/i);
    expect(check.status).toBe(0);
    expect(taken.length).toBeGreaterThan(10);
  });
});

describe('xxHash64', () => {
  const digest = (...pieces: Uint8Array[]): number => {
    const hash = new XxHash64();
    for (const piece of pieces) hash.update(piece);
    return hash.digestLow();
  };

  it('is that of its authors', () => {
    const expected = {
      '': 0x51d8e999,
      a: 0xa98c6e5b,
      abc: 0xad770999,
      'Nobody inspects the spammish repetition': 0x8a378bf1,
    };
    for (const [text, hash] of Object.entries(expected))
      expect(digest(Buffer.from(text))).toBe(hash);
  });

  it('is the same in pieces of any size', () => {
    const bytes = Buffer.from(Array.from({ length: 100 }, (_, i) => (i * 7) & 255));
    for (let length = 0; length <= 100; length++) {
      const whole = bytes.subarray(0, length);
      const half = length >> 1;
      expect(digest(whole.subarray(0, half), whole.subarray(half))).toBe(digest(whole));
      expect(digest(...Array.from(whole, (byte) => Uint8Array.of(byte)))).toBe(digest(whole));
    }
  });
});
