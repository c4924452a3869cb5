import { createHash } from 'node:crypto';
import { mkdtemp, open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.js';
import {
  type FileSystem,
  readSafetensors,
  readSafetensorsHeader,
  writeSafetensors,
} from '../../src/checkpoint/safetensors.js';
import { tries } from '../effort.js';

let dir: string;
let path: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'safetensors-'));
  path = join(dir, 'model.safetensors');
});
afterAll(() => rm(dir, { recursive: true }));

/** A file with the given header (text, bytes or object) and as many data bytes. */
function fileOf(header: unknown, dataBytes = 0, claimed?: bigint): Buffer {
  const json =
    typeof header === 'string' || header instanceof Uint8Array
      ? Buffer.from(header as string)
      : Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(claimed ?? BigInt(json.length));
  return Buffer.concat([prefix, json, Buffer.alloc(dataBytes)]);
}

function entry(begin: number, end: number, shape: unknown = [(end - begin) / 4], dtype = 'F32') {
  return { dtype, shape, data_offsets: [begin, end] };
}

type Io = (bytes: Uint8Array, offset: number, length: number, at: number) => Promise<unknown>;

/** A file system whose reads and writes go through `wrap`. */
function opening(wrap: (io: Io) => Io): { fs: FileSystem } {
  const tampered: typeof open = async (...given) => {
    const file = await open(...given);
    file.read = wrap(file.read.bind(file)) as typeof file.read;
    file.write = wrap(file.write.bind(file)) as typeof file.write;
    return file;
  };
  return { fs: { open: tampered } };
}

async function readAll(file = path): Promise<Record<string, number[]>> {
  const arrays: Record<string, Float32Array> = {};
  await readSafetensors(file, (name, shape) => {
    return (arrays[name] = new Float32Array(shape.reduce((a, b) => a * b, 1)));
  });
  return Object.fromEntries(Object.entries(arrays).map(([name, data]) => [name, [...data]]));
}

describe('writing', () => {
  it('writes the published layout, padded to 8 bytes, tensors in the order of their names', async () => {
    const written = await writeSafetensors(path, [
      { name: 'b', shape: [2], data: Float32Array.of(3, -0) },
      { name: 'a', shape: [1, 1], data: Float32Array.of(1.5) },
    ]);
    const bytes = await readFile(path);
    const json =
      '{"a":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},' +
      '"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}';
    const length = Number(bytes.readBigUInt64LE());
    expect(length % 8).toBe(0);
    expect(bytes.subarray(8, 8 + length).toString()).toBe(json.padEnd(length, ' '));
    expect([...bytes.subarray(8 + length)]).toEqual([
      ...[0, 0, 0xc0, 0x3f],
      ...[0, 0, 0x40, 0x40],
      ...[0, 0, 0, 0x80],
    ]);
    expect(written).toEqual({
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    });
  });

  it('gives the same bytes whatever the order in which tensors are handed over', async () => {
    const tensors = ['x', '10', '9', 'é'].map((name, i) => ({
      name,
      shape: [3],
      data: Float32Array.of(i, i + 1, i + 2),
    }));
    const first = await writeSafetensors(path, tensors);
    expect(await writeSafetensors(path, tensors.toReversed())).toEqual(first);
  });

  it('writes views on shared memory, and reads them back bit for bit', async () => {
    const data = new Float32Array(new SharedArrayBuffer(4 * 1000), 40, 900);
    new Uint32Array(data.buffer, 40, 900).forEach((_, i, bits) => {
      bits[i] = Math.imul(i + 1, 0x9e3779b1);
    });
    await writeSafetensors(path, [{ name: 'shared', shape: [30, 30], data }]);
    const back = new Float32Array(new SharedArrayBuffer(4 * 1000), 80, 900);
    await readSafetensors(path, () => back);
    expect(Buffer.from(back.buffer, 80, 3600).equals(Buffer.from(data.buffer, 40, 3600))).toBe(
      true,
    );
  });

  it('survives writes and reads that do less than they were asked to', async () => {
    const stingy = opening((io) => (bytes, offset, length, at) => {
      return io(bytes, offset, Math.ceil(length / 2), at);
    });
    const data = Float32Array.from({ length: 1001 }, (_, i) => i);
    await writeSafetensors(path, [{ name: 'w', shape: [1001], data }], stingy);
    const back = new Float32Array(1001);
    await readSafetensors(path, () => back, stingy);
    expect(back).toEqual(data);
  });

  it('passes on what the disk says when a write fails', async () => {
    const full = opening(() => () => {
      return Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }));
    });
    const tensor = { name: 'w', shape: [1], data: Float32Array.of(1) };
    await expect(writeSafetensors(path, [tensor], full)).rejects.toThrow('full');
  });

  it('refuses two tensors of one name, and data that do not fit their shape', async () => {
    const tensor = { name: 'w', shape: [1], data: Float32Array.of(1) };
    await expect(writeSafetensors(path, [tensor, tensor])).rejects.toThrow('same name');
    await expect(writeSafetensors(path, [{ ...tensor, shape: [2] }])).rejects.toThrow('differ');
  });
});

describe('reading', () => {
  it('returns every tensor for any names and shapes', async () => {
    const tensors = fc.uniqueArray(
      fc.record({
        name: fc.oneof(fc.string({ unit: 'binary' }), fc.constant('__proto__')),
        shape: fc.array(fc.nat({ max: 4 }), { maxLength: 4 }),
      }),
      { selector: ({ name }) => name, maxLength: 6 },
    );
    await fc.assert(
      fc.asyncProperty(tensors, async (plan) => {
        const written = plan.map(({ name, shape }) => {
          const data = new Float32Array(shape.reduce((a, b) => a * b, 1)).map((_, i) => i - 1.5);
          return { name, shape, data };
        });
        await writeSafetensors(path, written);
        const header = await readSafetensorsHeader(path);
        expect(header.map(({ name }) => name).sort()).toEqual(plan.map(({ name }) => name).sort());
        const back = new Map<string, Float32Array>();
        await readSafetensors(path, (name, shape) => {
          const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
          back.set(name, data);
          return data;
        });
        for (const { name, data } of written) expect(back.get(name)).toEqual(data);
      }),
      { numRuns: tries(40) },
    );
  });

  it('lists dtype, shape and the place in the file, in the order of the data', async () => {
    const file = fileOf({ b: entry(4, 12), __metadata__: { format: 'pt' }, a: entry(0, 4) }, 12);
    await writeFile(path, file);
    const begin = file.length - 12;
    expect(await readSafetensorsHeader(path)).toEqual([
      { name: 'a', dtype: 'F32', shape: [1], begin, end: begin + 4 },
      { name: 'b', dtype: 'F32', shape: [2], begin: begin + 4, end: begin + 12 },
    ]);
  });

  it('converts float64, float16 and bfloat16', async () => {
    const file = fileOf(
      {
        d: entry(0, 16, [2], 'F64'),
        h: entry(16, 28, [6], 'F16'),
        t: entry(28, 36, [4], 'BF16'),
      },
      36,
    );
    const at = file.length - 36;
    file.writeDoubleLE(Math.PI, at);
    file.writeDoubleLE(-1e300, at + 8);
    [0x3555, 0xc000, 0x0001, 0x7bff, 0xfc00, 0x7e00].forEach((bits, i) =>
      file.writeUInt16LE(bits, at + 16 + 2 * i),
    );
    [0x3fc0, 0xc2f7, 0x0001, 0x7f80].forEach((bits, i) =>
      file.writeUInt16LE(bits, at + 28 + 2 * i),
    );
    await writeFile(path, file);
    expect(await readAll()).toEqual({
      d: [Math.fround(Math.PI), -Infinity],
      h: [0.333251953125, -2, 2 ** -24, 65504, -Infinity, NaN],
      t: [1.5, -123.5, 2 ** -133, Infinity],
    });
  });

  it('leaves out what the caller does not ask for', async () => {
    await writeFile(path, fileOf({ a: entry(0, 4), b: entry(4, 8) }, 8));
    const b = Float32Array.of(7);
    await readSafetensors(path, (name) => (name === 'b' ? b : undefined));
    expect([...b]).toEqual([0]);
  });

  it('refuses an array of another size than the tensor', async () => {
    await writeFile(path, fileOf({ a: entry(0, 8) }, 8));
    const read = readSafetensors(path, () => new Float32Array(3));
    await expect(read).rejects.toThrow(`${path}: tensor "a" has 2 elements, expected 3`);
    await expect(read).rejects.toThrow(UserError);
  });

  it('says that a file is missing or is a folder', async () => {
    const missing = join(dir, 'none.safetensors');
    await expect(readSafetensorsHeader(missing)).rejects.toThrow(
      new UserError(`${missing}: cannot be read: there is no such file`),
    );
    await expect(readSafetensorsHeader(dir)).rejects.toThrow(UserError);
  });
});

describe('a damaged or hostile file is refused with one sentence', () => {
  const huge = Number.MAX_SAFE_INTEGER;
  const nested = '['.repeat(1_000_000) + ']'.repeat(1_000_000);
  const cases: [string, Buffer, string][] = [
    ['an empty file', Buffer.alloc(0), 'it ends after 0 bytes, within its first field'],
    ['a file cut within the length', Buffer.alloc(7), 'it ends after 7 bytes'],
    ['a header longer than the file', fileOf('{}', 0, 100n), 'within its header of 100 bytes'],
    ['a huge header length', fileOf('{}', 0, 2n ** 64n - 1n), 'claims 18446744073709551615 bytes'],
    ['no JSON', fileOf('{"a"'), 'not JSON in UTF-8'],
    ['invalid UTF-8', fileOf(Buffer.from('{"\xff":1}', 'latin1')), 'not JSON in UTF-8'],
    ['an array for a header', fileOf('[]'), 'not a JSON object'],
    ['a byte order mark', fileOf('\ufeff{}'), 'not a JSON object'],
    ['an empty header', fileOf(''), 'not JSON'],
    ['deep nesting', fileOf(nested), 'not a JSON object'],
    ['deep nesting in a shape', fileOf(`{"a":${nested}}`), 'no dtype, shape and data_offsets'],
    ['a name twice', fileOf('{"a":1,"a":1}'.replaceAll('1', zeroEntry())), 'the same key twice'],
    ['a name twice, escaped', fileOf(`{"a":${zeroEntry()},"\\u0061":${zeroEntry()}}`), 'twice'],
    ['a property twice', fileOf(`{"a":${zeroEntry().replace('{', '{"shape":[9],')}}`), 'twice'],
    ['a property too many', fileOf({ a: { ...entry(0, 4), x: 1 } }, 4), 'or more than these'],
    ['metadata that is no text', fileOf({ __metadata__: { a: 1 } }), 'not an object of strings'],
    ['an unknown dtype', fileOf({ a: entry(0, 4, [1], 'I32') }, 4), 'unknown dtype, expected'],
    ['an inherited dtype', fileOf({ a: entry(0, 4, [1], 'toString') }, 4), 'unknown dtype'],
    ['a negative size', fileOf({ a: entry(0, 4, [-1, -1]) }, 4), 'a list of sizes'],
    ['a size that is no integer', fileOf({ a: entry(0, 4, [0.5, 2]) }, 4), 'a list of sizes'],
    ['a shape that overflows', fileOf({ a: entry(0, 4, [huge, huge]) }, 4), 'do not fit its shape'],
    ['a shape that wraps to 0', fileOf({ a: entry(0, 0, [2 ** 32, 2 ** 32]) }), 'do not fit'],
    ['a shape of other size', fileOf({ a: entry(0, 4, [2]) }, 4), 'do not fit its shape'],
    ['offsets the wrong way', fileOf({ a: entry(4, 0, [1]) }, 4), 'do not fit its shape'],
    [
      'three offsets',
      fileOf({ a: { ...entry(0, 4), data_offsets: [0, 4, 8] } }, 4),
      'not two byte positions',
    ],
    ['offsets out of range', fileOf({ a: entry(0, 8) }, 4), 'its header promises'],
    ['a hole before a tensor', fileOf({ a: entry(4, 8) }, 8), 'a hole before its tensor "a"'],
    ['overlap', fileOf({ a: entry(0, 8), b: entry(4, 12) }, 12), 'its tensor "b" overlaps'],
    ['the same place twice', fileOf({ a: entry(0, 8), b: entry(0, 8) }, 8), 'overlaps another'],
    ['bytes after the end', fileOf({ a: entry(0, 4) }, 5), 'it has 1 bytes after its last tensor'],
    [
      'a name of many lines',
      fileOf({ 'a\nb': entry(4, 8) }, 8),
      'a hole before its tensor "a\\nb"',
    ],
  ];

  it.each(cases)('%s', async (_, file, message) => {
    await writeFile(path, file);
    const error: unknown = await readSafetensorsHeader(path).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(UserError);
    const text = (error as UserError).message;
    expect(text).toContain(`${path} is not a sound safetensors file: `);
    expect(text).toContain(message);
    expect(text).not.toContain('\n');
  });

  it('a file cut at any byte', async () => {
    const whole = fileOf({ a: entry(0, 12), b: entry(12, 20) }, 20);
    for (let length = 0; length < whole.length; length++) {
      await writeFile(path, whole.subarray(0, length));
      await expect(readAll()).rejects.toThrow(UserError);
    }
  });

  it('a file cut while it is read', async () => {
    await writeFile(path, fileOf({ a: entry(0, 12) }, 12));
    let cut: Promise<void> | undefined;
    const waiting = opening((io) => async (...given) => {
      await cut;
      return io(...given);
    });
    const into = () => {
      cut = truncate(path, 60);
      return new Float32Array(3);
    };
    await expect(readSafetensors(path, into, waiting)).rejects.toThrow('while it was read');
  });

  it('any damage to a header is refused or harmless, never another error', async () => {
    const whole = fileOf({ a: entry(0, 12), b: entry(12, 20) }, 20);
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: whole.length - 21 }),
        fc.nat({ max: 255 }),
        async (at, byte) => {
          const damaged = Buffer.from(whole);
          damaged[at] = byte;
          await writeFile(path, damaged);
          const error: unknown = await readAll().catch((caught: unknown) => caught);
          if (error instanceof Error) expect(error).toBeInstanceOf(UserError);
        },
      ),
      { numRuns: tries(100) },
    );
  });

  it('a header of 100,000 tensors is read', async () => {
    const names = Array.from({ length: 100_000 }, (_, i) => [`t${i}`, entry(4 * i, 4 * i + 4)]);
    await writeFile(path, fileOf(Object.fromEntries(names), 400_000));
    expect(await readSafetensorsHeader(path)).toHaveLength(100_000);
  });
});

function zeroEntry(): string {
  return JSON.stringify(entry(0, 0));
}
