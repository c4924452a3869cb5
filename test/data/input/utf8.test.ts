import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeText, type Encoding } from '../../../src/data/input/encodings.js';
import { requireText } from '../../../src/data/input/content-kind.js';
import { readText } from '../../../src/data/input/source-text.js';
import { type BadLine, readStreamText } from '../../../src/data/input/stream-text.js';
import { dropMarks, isMarked } from '../../../src/data/input/utf8.js';
import { collect, useScratch } from '../scratch.js';
import { tries } from '../../effort.js';

const scratch = useScratch();

async function decode(
  bytes: Buffer,
  cuts: number[],
  encoding: Encoding,
): Promise<{ text: string; isMalformed: boolean }> {
  const ends = [...cuts.filter((cut) => cut < bytes.length), bytes.length].sort((a, b) => a - b);
  const pieces = async function* (): AsyncGenerator<Buffer> {
    for (const [i, end] of ends.entries()) {
      yield await Promise.resolve(bytes.subarray(i === 0 ? 0 : ends[i - 1], end));
    }
  };
  const decoding = { isMalformed: false };
  const parts = await collect(decodeText(pieces(), encoding, false, decoding));
  return { text: parts.join(''), isMalformed: decoding.isMalformed };
}

const cuts = fc.array(fc.nat(60), { maxLength: 5 });
const characters = fc.string({ unit: fc.constantFrom('a', 'é', '\ufffd', '漢', '😀', '\n') });

describe('text in Unicode', () => {
  it('is what its bytes stand for, however they are cut', async () => {
    const encodings = fc.constantFrom('utf-8', 'utf-16le', 'utf-16be');
    await fc.assert(
      fc.asyncProperty(characters, cuts, encodings, async (text, at, encoding) => {
        const bytes = Buffer.from(text, encoding === 'utf-8' ? 'utf8' : 'utf16le');
        const stored = encoding === 'utf-16be' ? bytes.swap16() : bytes;
        expect(await decode(stored, at, encoding)).toEqual({ text, isMalformed: false });
      }),
      { numRuns: tries(150), seed: 1 },
    );
  });

  it('keeps every byte that is none as a mark, however they are cut', async () => {
    const part = fc.oneof(
      characters.map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 4 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 6 }), cuts, async (parts, at) => {
        const bytes = Buffer.concat(parts);
        const { text, isMalformed } = await decode(bytes, at, 'utf-8');
        const isValid = Buffer.from(bytes.toString()).equals(bytes);
        expect([isMalformed, isMarked(text)]).toEqual([!isValid, !isValid]);
        const back = Array.from(text, (each) =>
          isMarked(each) ? Buffer.of(each.charCodeAt(0) - 0xdc00) : Buffer.from(each),
        );
        expect(Buffer.concat(back).equals(bytes)).toBe(true);
        expect(isMarked(dropMarks(text))).toBe(false);
      }),
      { numRuns: tries(200), seed: 1 },
    );
  });

  it('is marked where UTF-16 has half of a character', async () => {
    for (const hex of ['00d86100', '610000dc', '6100d8', '610001d8']) {
      const { text, isMalformed } = await decode(Buffer.from(hex, 'hex'), [1, 2, 3], 'utf-16le');
      expect([isMalformed, isMarked(text)]).toEqual([true, true]);
    }
  });
});

describe('a stream of text', () => {
  const source = (path: string) => ({ path, format: 'text' }) as const;
  const lines = Array.from({ length: 40_000 }, (_, i) => `line ${i}`);

  it('is refused when some bytes are no text, wherever they are', async () => {
    const bytes = Buffer.from(`${lines.join('\n')}\n`, 'latin1');
    const at = bytes.indexOf('line 30000\n');
    bytes[at] = 0xfc;
    const { path } = await scratch({ 'a.txt': bytes });
    const start = { start: at - 3, end: bytes.length };
    for (const extent of [undefined, start]) {
      await expect(collect(readText(source(path('a.txt')), {}, extent))).rejects.toThrow(
        /a\.txt, line 30001: expected UTF-8, found the byte 0xfc in "\\xfcine 30000" .* 1 such byte\./,
      );
    }
  });

  it('has all other lines when such lines are left out', async () => {
    const bytes = Buffer.from(lines.join('\r\n'), 'latin1');
    for (const line of [0, 9999, 39_999]) bytes[bytes.indexOf(`line ${line}`)] = 0xe9;
    const { path } = await scratch({ 'a.txt': bytes });
    const bad: BadLine[] = [];
    const found = await collect(
      readStreamText(source(path('a.txt')), {}, (line) => bad.push(line)),
    );
    const kept = lines.filter((_, i) => ![0, 9999, 39_999].includes(i));
    expect(found.map(({ text }) => text).join('')).toBe(`${kept.join('\r\n')}\r\n`);
    expect(found.reduce((sum, part) => sum + part.lines, 0)).toBe(39_999);
    expect(bad.map(({ line }) => line)).toEqual([1, 10_000, 40_000]);
    expect(bad.map(({ raw }) => raw)).toEqual(['\ufffdine 0', '\ufffdine 9999', '\ufffdine 39999']);
  });
});

describe('a file whose name says that it is text', () => {
  const text = 'text,label\na,b\n';
  const random = Buffer.from(Array.from({ length: 500 }, (_, i) => (i * i * 31 + i * 7) % 256));
  const files: [string, Uint8Array, RegExp][] = [
    ['gzip data', gzipSync(text), /is gzip data, expected text: let its name end in \.gz/],
    ['zstd data', Buffer.from('28b52ffd2002110000', 'hex'), /is zstd data, expected text/],
    ['Parquet', Buffer.concat([Buffer.from('PAR1'), random]), /is a Parquet file, expected text/],
    ['a spreadsheet', Buffer.concat([Buffer.from('PK\u0003\u0004'), random]), /is a zip archive/],
    ['binary data', random, /is binary data, expected text/],
    ['UTF-16', Buffer.from(text, 'utf16le'), /UTF-16 .*: set data\.encoding to utf-16le/],
    ['UTF-16, swapped', Buffer.from(text, 'utf16le').swap16(), /set data\.encoding to utf-16be/],
  ];

  it.each(files)('is refused when it is %s', async (_, bytes, message) => {
    const { path } = await scratch({ 'a.txt': bytes });
    const source = { path: path('a.txt'), format: 'text' } as const;
    await expect(collect(readText(source, {}))).rejects.toThrow(message);
  });

  it('is judged alike in whatever pieces it comes, and by no few bytes', async () => {
    const judge = async (bytes: Buffer, length: number): Promise<string> => {
      const cut = Array.from({ length: Math.ceil(bytes.length / length) }, (_, i) =>
        bytes.subarray(i * length, (i + 1) * length),
      );
      return collect(requireText(from(cut), 'a.txt', undefined)).then(
        (pieces) => (Buffer.concat(pieces).equals(bytes) ? 'text' : 'other text'),
        (error: unknown) => (error as Error).message,
      );
    };
    const binary = 'a.txt is binary data, expected text.';
    for (const [bytes, verdict] of [
      [Buffer.from('fr\0ee\nwin\n'), 'text'],
      [Buffer.from(`\0\u0001\u0002\u0003${'some words\n'.repeat(20)}`), 'text'],
      [Buffer.concat([Buffer.from('some words\n'), random]), binary],
    ] as const) {
      for (const length of [1, 6, 7, 100, 1000]) expect(await judge(bytes, length)).toBe(verdict);
    }
  });

  it('is refused when it is compressed twice, and not told to have the name that it has', async () => {
    const { path } = await scratch({ 'a.txt.gz': gzipSync(gzipSync(text)) });
    const source = { path: path('a.txt.gz'), format: 'text', compression: 'gzip' } as const;
    await expect(collect(readText(source, {}))).rejects.toThrow(
      'a.txt.gz, when it is unpacked, is gzip data, expected text: unpack it once before.',
    );
  });

  it('is refused when it is UTF-32', async () => {
    const bytes = Buffer.from(new Uint32Array([0xfeff, 0x61, 0x62, 0x0a]).buffer);
    const { path } = await scratch({ 'a.txt': bytes });
    const source = { path: path('a.txt'), format: 'text' } as const;
    await expect(collect(readText(source, {}))).rejects.toThrow(/is UTF-32, expected/);
  });

  it('is refused when its byte order mark is that of another encoding than it is to be read in', async () => {
    const marked = {
      'utf-8': Buffer.from(`\ufeff${text}`),
      'utf-16le': Buffer.from(`\ufeff${text}`, 'utf16le'),
    };
    for (const [mark, bytes] of Object.entries(marked)) {
      const { path } = await scratch({ 'a.txt': bytes });
      const source = { path: path('a.txt'), format: 'text' } as const;
      for (const encoding of ['utf-8', 'utf-16le', 'utf-16be', 'latin1'] as const) {
        const read = collect(readText(source, { encoding }));
        if (mark === encoding) expect((await read).join('')).toBe(text);
        else await expect(read).rejects.toThrow(`begins with the byte order mark of ${mark}, but`);
      }
    }
  });

  it('is read when it begins as such a file does, but is text', async () => {
    const texts = [
      'PAR1 is how they begin',
      'BZh',
      'PK',
      '%PDF',
      'a\u0000b and more text after it',
      '',
    ];
    for (const each of texts) {
      const { path } = await scratch({ 'a.txt': each });
      const source = { path: path('a.txt'), format: 'text' } as const;
      expect((await collect(readText(source, {}))).join('')).toBe(each);
    }
  });
});

async function* from<T>(items: Iterable<T>): AsyncGenerator<T> {
  for (const item of items) yield await Promise.resolve(item);
}
