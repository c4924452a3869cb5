import { readFile, stat } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  type Example,
  type ExampleOptions,
  readSource,
} from '../../../src/data/formats/examples.js';
import { readExamples } from '../../../src/index.js';
import { listExtents } from '../../../src/data/formats/extents.js';
import { readContent } from '../../../src/data/input/source-text.js';
import type { Source } from '../../../src/data/input/sources.js';
import { UserError } from '../../../src/errors.js';
import { collect, useScratch } from '../scratch.js';
import { BrokenExtent, type Extent } from '../../../src/data/input/extent.js';

const scratch = useScratch();
const columns: ExampleOptions = { text: 'text', label: 'label' };

describe('extents', () => {
  const rows = Array.from({ length: 500 }, (_, i) => {
    const text = i % 3 === 0 ? `"row ${i}\nin ""two"" lines, é"` : `row ${i} ${'x'.repeat(i % 40)}`;
    return `${text},${i % 2}`;
  });
  const sources: [string, Source['format'], string, ExampleOptions][] = [
    ['CSV', 'csv', `text,label\r\n${rows.join('\r\n')}`, columns],
    ['CSV without a header', 'csv', rows.join('\n'), { text: 1, label: 2, header: false }],
    [
      'TSV with quoted cells',
      'tsv',
      `label\ttext\n${'a\t"b\n\tc"\n\n'.repeat(300)}`,
      { ...columns, quote: '"' },
    ],
    ['TSV', 'tsv', `label\ttext\n${'a\t"b\nc\td"\n\n'.repeat(150)}`, columns],
    [
      'JSONL',
      'jsonl',
      rows.map((text) => `${JSON.stringify({ text })}\n\n`).join(''),
      { text: 'text' },
    ],
    ['text', 'text', `\uFEFF${rows.join('\r\n')}`, { text: '' }],
    [
      'paragraphs of text',
      'text',
      rows.map((text, i) => text + (i % 5 === 0 ? '\n \t\r\n\n' : '\n')).join(''),
      { text: '', textUnit: 'paragraph' },
    ],
    ['Latin-1', 'text', 'x\u0080\n'.repeat(999), { text: '', encoding: 'latin1' }],
  ];

  it.each(sources)(
    'of %s hold together the rows of the file, with their lines',
    async (_, format, text, options) => {
      const { path } = await scratch({ file: text });
      const source = { path: path('file'), format };
      const whole = await readAll(source, options);
      expect(whole.rows.length).toBeGreaterThan(99);
      const { size } = await stat(source.path);
      for (const targetBytes of [100, 1000, 4096, 1 << 20]) {
        const extents = await listExtents(source, targetBytes, options);
        expect(extents.length).toBeGreaterThan(Math.floor(size / targetBytes / 4));
        expect(extents.at(-1)?.end).toBe(size);
        expect(await readByExtents(source, options, extents)).toEqual(whole);
      }
    },
  );

  it('of a CSV whose quotation marks mislead are found to be broken', async () => {
    const { path } = await scratch({
      'a.csv': `text\n5" disk\n${'"a\nb"\n'.repeat(200)}`,
      'b.csv': `text\n5" disk\n${'a\n'.repeat(400)}`,
    });
    const broken: Source = { path: path('a.csv'), format: 'csv' };
    const extents = await listExtents(broken, 200, {});
    expect(extents.length).toBeGreaterThan(1);
    await expect(readByExtents(broken, { text: 'text' }, extents)).rejects.toThrow(BrokenExtent);
    expect((await readAll(broken, { text: 'text' })).rows).toHaveLength(201);
    expect(await listExtents({ path: path('b.csv'), format: 'csv' }, 200, {})).toHaveLength(1);
  });

  it('are one where a file cannot be divided', async () => {
    const text = 'text\n'.repeat(99);
    const { path } = await scratch({
      'a.txt.gz': gzipSync(text),
      'b.txt': Buffer.from(`\uFEFF${text}`, 'utf16le'),
      'c.txt': text,
      'd.txt': '',
    });
    const list = (name: string, options = {}, compression?: 'gzip') =>
      listExtents(
        { path: path(name), format: 'text', ...(compression && { compression }) },
        10,
        options,
      );
    expect(await list('a.txt.gz', {}, 'gzip')).toHaveLength(1);
    expect(await list('b.txt')).toHaveLength(1);
    expect(await list('c.txt', { encoding: 'utf-16be' })).toHaveLength(1);
    expect(await list('c.txt', { textUnit: 'whole' })).toHaveLength(1);
    expect(await list('c.txt')).toHaveLength(33);
    expect(await list('d.txt')).toEqual([{ start: 0, end: 0 }]);
  });

  it('are observed once, without the header that each one needs', async () => {
    const text = `text,label\n${'a,b\n'.repeat(500)}`;
    const { path } = await scratch({ 'a.csv': text });
    const source: Source = { path: path('a.csv'), format: 'csv' };
    let bytes = 0;
    for (const extent of await listExtents(source, 300, {})) {
      await collect(readSource(source, columns, extent, (piece) => (bytes += piece.length)));
    }
    expect(bytes).toBe(text.length);
  });
});

describe('encodings', () => {
  const text = '\uFEFFnaïve “€” 😀\nzwei\n';
  const expected = ['naïve “€” 😀', 'zwei'];
  const utf16be = Buffer.from(text, 'utf16le').swap16();

  it.each([
    ['UTF-8 with a byte order mark', Buffer.from(text), undefined],
    ['UTF-8 without', Buffer.from(text.slice(1)), undefined],
    ['UTF-16 LE by its mark', Buffer.from(text, 'utf16le'), undefined],
    ['UTF-16 BE by its mark', utf16be, undefined],
    ['UTF-16 LE without a mark', Buffer.from(text.slice(1), 'utf16le'), 'utf-16le'],
    ['UTF-16 BE without a mark', utf16be.subarray(2), 'utf-16be'],
  ] as const)('of %s give the text', async (_, bytes, encoding) => {
    const { path } = await scratch({ 'a.txt': bytes });
    const found = await collect(readExamples([path('a.txt')], { text: '', encoding }));
    expect(found.map((each) => each.text)).toEqual(expected);
  });

  it.each(['latin1', 'windows-1252'] as const)(
    'of %s give the characters of Windows',
    async (encoding) => {
      const { path } = await scratch({ 'a.txt': Buffer.from([0x80, 0x93, 0xe9, 0x81, 0x0a]) });
      const [row] = await collect(readExamples([path('a.txt')], { text: '', encoding }));
      expect(row?.text).toBe('€“é\u0081');
    },
  );

  it('may be wrong, which is refused by the first place, how often, and the likely encoding', async () => {
    const { path } = await scratch({
      'a.txt': Buffer.from('good\r\nna\u00efve entr\u00e9e\nplat\n', 'latin1'),
      'b.csv': Buffer.from('text,label\nfine,x\n"a\nb",entr\xe9e\nc,entr\xe8e\n', 'latin1'),
      'c.csv': 'text,label\n\ufffd,x\n',
    });
    await expect(collect(readExamples([path('a.txt')], { text: '' }))).rejects.toThrow(
      /a\.txt, line 2: expected UTF-8, found the byte 0xef in "na\\xefve entr\\xe9e" \(read as windows-1252: "naïve entrée"\); the file has 2 such bytes\. Set data\.encoding/,
    );
    await expect(collect(readExamples([path('b.csv')], columns))).rejects.toThrow(
      /b\.csv, line 4: expected UTF-8, found the byte 0xe9 in "b\\",entr\\xe9e" .* 2 such bytes/,
    );
    expect(await collect(readExamples([path('c.csv')], columns))).toMatchObject([
      { text: '\ufffd' },
    ]);
  });

  it('may be wrong in some rows, which are bad rows', async () => {
    const { path } = await scratch({
      'a.csv': Buffer.from('text,label\na,x\nb,entr\xe9e\n\xe9,y\nc,z\n', 'latin1'),
    });
    const [batch] = await collect(
      readSource({ path: path('a.csv'), format: 'csv' }, { ...columns, onBadRow: 'quarantine' }),
    );
    expect(batch!.rows.map(({ text, row }) => [text, row])).toEqual([
      ['a', 1],
      ['c', 4],
    ]);
    expect(batch!.bad).toMatchObject([
      { line: 3, row: 2, raw: 'b' },
      { line: 4, row: 3, raw: '\ufffd' },
    ]);
    expect(batch!.bad[0]!.reason).toBe(
      'expected UTF-8, found the byte 0xe9 in "entr\\xe9e" (read as windows-1252: "entrée").',
    );
  });
});

describe('compressed files', () => {
  const zstd = new URL('../../fixtures/zstd/two-frames.jsonl.zst', import.meta.url);

  it('of zstd may have several frames, also ones that carry something else', async () => {
    const { path } = await scratch({ 'a.jsonl.zst': await readFile(zstd) });
    const rows = await collect(readExamples([path('a.jsonl.zst')], columns));
    expect(rows).toHaveLength(700);
    expect(rows.at(-1)).toMatchObject({ line: 700, text: lastText(299, 1), label: 'class 0' });
  });

  it('of zstd are refused when they are cut off anywhere', async () => {
    const bytes = await readFile(zstd);
    const { path } = await scratch();
    for (const length of [0, 3, 5, 9, 30, 1000, bytes.length - 1]) {
      const { path: cut } = await scratch({ 'a.jsonl.zst': bytes.subarray(0, length) });
      await expect(collect(readExamples([cut('a.jsonl.zst')], columns))).rejects.toThrow(
        /a\.jsonl\.zst: the zstd data is cut off\.$/,
      );
    }
    await expect(collect(readExamples([path('gone.jsonl.zst')], columns))).rejects.toThrow(
      UserError,
    );
  });

  it('of zstd are refused when they ask for more memory than is sensible', async () => {
    // A header alone: one whose window is 2 TiB, one whose content is of 3 GiB.
    const window = Buffer.from('28b52ffd00f8', 'hex');
    const content = Buffer.from('28b52ffda0000000c0', 'hex');
    const { path } = await scratch({ 'a.txt.zst': window, 'b.txt.zst': content });
    await expect(collect(readExamples([path('a.txt.zst')], { text: '' }))).rejects.toThrow(
      /asks for a window of 2097152 MiB: expected at most 128 MiB/,
    );
    await expect(collect(readExamples([path('b.txt.zst')], { text: '' }))).rejects.toThrow(
      /asks for a window of 3072 MiB: expected at most 128 MiB/,
    );
  });

  it.each(['gzip', 'zstd'] as const)(
    'of %s that stand for far more are read piece by piece',
    async (compression) => {
      const bytes =
        compression === 'gzip' ? gzipSync(Buffer.alloc(1 << 26)) : repeatedByte(1 << 26);
      expect(bytes.length).toBeLessThan(1 << 17);
      const { path } = await scratch({ bomb: bytes });
      let total = 0;
      for await (const piece of readContent({ path: path('bomb'), format: 'text', compression })) {
        expect(piece.length).toBeLessThanOrEqual(1 << 17);
        total += piece.length;
      }
      expect(total).toBe(1 << 26);
    },
  );

  it('of gzip may have several members', async () => {
    const { path } = await scratch({
      'a.txt.gz': Buffer.concat(['one\n', '', 'two\n'].map((text) => gzipSync(text))),
    });
    expect(await collect(readExamples([path('a.txt.gz')], { text: '' }))).toHaveLength(2);
  });
});

async function readAll(source: Source, options: ExampleOptions, extent?: Extent) {
  const rows: Example[] = [];
  let lines = 0;
  for await (const batch of readSource(source, options, extent)) {
    rows.push(...batch.rows);
    lines = batch.linesDone;
  }
  return { rows, lines };
}

/** As `readAll`, with lines and rows counted on from extent to extent. */
async function readByExtents(source: Source, options: ExampleOptions, extents: readonly Extent[]) {
  const rows: Example[] = [];
  let lines = 0;
  for (const extent of extents) {
    const part = await readAll(source, options, extent);
    const before = rows.length;
    for (const each of part.rows) {
      rows.push({ ...each, line: each.line + lines, row: each.row + before });
    }
    lines += part.lines;
  }
  return { rows, lines };
}

/** A text of the fixture, which was made of rows like this one. */
function lastText(row: number, from: number): string {
  const words =
    'the of whale and a ship to in that sea his it captain was for as with he is on boat';
  const list = words.split(' ');
  return Array.from(
    { length: 5 + ((row * 7 + from) % 23) },
    (_, j) => list[(row * row + 3 * j * j + from) % list.length],
  ).join(' ');
}

/** A zstd frame of blocks that repeat one byte. */
function repeatedByte(length: number): Buffer {
  const header = Buffer.from('28b52ffd0050', 'hex');
  const blocks = Array.from({ length: length >> 17 }, (_, i) => {
    const isLast = i + 1 === length >> 17 ? 1 : 0;
    const block = Buffer.alloc(4);
    block.writeUIntLE(((1 << 17) << 3) | 2 | isLast, 0, 3);
    return block;
  });
  return Buffer.concat([header, ...blocks]);
}
