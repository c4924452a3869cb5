import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { type ExampleOptions, readSource } from '../../../../src/data/formats/examples.js';
import { listExtents } from '../../../../src/data/formats/extents.js';
import { listSources } from '../../../../src/data/input/sources.js';
import { UserError } from '../../../../src/errors.js';
import { collect, useScratch } from '../../scratch.js';
import type { Extent } from '../../../../src/data/input/extent.js';

const scratch = useScratch();

/** What scripts/parquet_fixtures.py writes. */
const numbers = Array.from({ length: 70 }, (_, i) => i);
const texts = numbers.map((i) =>
  i % 11 === 0 ? null : `row ${i} naïve 😀 ${'x'.repeat((i * 7) % 31)}`,
);
const names = numbers.map((i) => `class ${i % 5}`);
const textColumns = {
  text: texts,
  required: texts.map((text) => text ?? ''),
  'mail.body': texts.map((text, i) => (i % 17 === 0 ? null : text)),
};
const labelColumns = {
  int: numbers.map((i) => String(i * i - 500)),
  big: numbers.map((i) => String((-1) ** i * i * 123456789123)),
  flag: numbers.map((i) => String(i % 3 === 0)),
  double: numbers.map((i) => String(i / 4)),
  name: names,
  'mail.meta.class': names.map((name, i) => (i % 17 === 0 ? null : name)),
};

describe('Parquet files', () => {
  const variants = [
    'snappy-dictionary',
    'zstd-plain',
    'lz4-dictionary',
    'brotli-plain',
    'gzip-deltas',
    'none-deltas',
  ];

  it.each(variants)('of pyarrow give texts and labels of all kinds: %s', async (variant) => {
    for (const [text, expectedTexts] of Object.entries(textColumns)) {
      for (const [label, expectedLabels] of Object.entries(labelColumns)) {
        const { rows, bad } = await read(fixture(variant), { text, label });
        const isGood = (i: number): boolean =>
          expectedTexts[i] !== null && expectedLabels[i] !== null;
        expect(rows).toEqual(
          numbers.filter(isGood).map((i) => [i + 1, expectedTexts[i], expectedLabels[i]]),
        );
        expect(bad.map(({ row }) => row - 1)).toEqual(numbers.filter((i) => !isGood(i)));
      }
    }
  });

  it('give row groups as extents, whose rows count from their own start', async () => {
    const path = fixture('zstd-plain');
    const options = { text: 'required', label: 'int' };
    expect(await list(path, 1 << 20)).toEqual([{ start: 0, end: 3 }]);
    expect(await list(path, 1)).toEqual([0, 1, 2].map((start) => ({ start, end: start + 1 })));
    const { rows } = await read(path, options, { start: 2, end: 3 });
    expect(rows).toEqual(
      numbers.slice(60).map((i) => [i - 59, textColumns.required[i], labelColumns.int[i]]),
    );
  });

  it('have texts without a declared kind, JSON and dates as classes', async () => {
    const days = ['2024-02-29', '1969-12-31'].map((day) => new Date(`${day}T00:00:00Z`));
    const file = write([
      { name: 'text', data: ['a', 'b'].map((text) => Buffer.from(text)), type: 'BYTE_ARRAY' },
      { name: 'json', data: [{ a: 1 }, ['x']], type: 'JSON' },
      { name: 'day', data: days, type: 'TIMESTAMP' },
    ]);
    const { path } = await scratch({ 'a.parquet': file });
    const { rows } = await read(path('a.parquet'), { text: 'text', label: 'day' });
    expect(rows.map(([, text, label]) => [text, label])).toEqual([
      ['a', '2024-02-29T00:00:00.000Z'],
      ['b', '1969-12-31T00:00:00.000Z'],
    ]);
    const json = await read(path('a.parquet'), { text: 'json' });
    expect(json.rows.map(([, text]) => text)).toEqual(['{"a":1}', '["x"]']);
  });

  it('are refused when the columns are not there or of another kind', async () => {
    const refusal = (options: ExampleOptions) => refuse(fixture('zstd-plain'), options);
    expect(await refusal({ text: 'Text' })).toMatch(
      /^zstd-plain.parquet has no column "Text" \(did you mean "text"\?\); its columns are "text", "required", .*"mail\.body".*: set data\.text to the one that is meant\.$/,
    );
    expect(await refusal({ text: 'text', label: 'Label' })).toMatch(
      /has no column "Label".*: set data\.label to the one that is meant\.$/,
    );
    for (const list of ['list.list.element', 'list']) {
      expect(await refusal({ text: list })).toBe(
        `zstd-plain.parquet: the column "${list}" is a list: expected one value in each row; of task multi-label the labels may be a list of strings.`,
      );
    }
    // What cannot be read is proposed to nobody.
    expect(await refusal({ text: 'lost' })).not.toContain('list');
    expect(await refusal({ text: 'int' })).toBe(
      'zstd-plain.parquet: expected strings in the column "int", which is of type INT32.',
    );
    expect(await refusal({ text: 2 })).toMatch(
      /expected the name of a column in data\.text, got the number 2/,
    );
    expect(await refusal({ text: 'text' })).toBe(
      'zstd-plain.parquet, row 1: expected a string in the column "text", found nothing.',
    );
  });

  it('are refused when two columns have the name that is asked for', async () => {
    const columns = ['text', 'text', 'label'].map((name) => ({ name, data: [`${name} 1`] }));
    const { path } = await scratch({ 'a.parquet': write(columns) });
    expect(await refuse(path('a.parquet'), { text: 'text', label: 'label' })).toBe(
      'a.parquet has 2 columns "text": expected different names.',
    );
    expect((await read(path('a.parquet'), { text: 'label' })).rows).toHaveLength(1);
  });

  it('are refused, with row group and column, when their data is damaged', async () => {
    const file = write([{ name: 'text', data: Array.from({ length: 50 }, (_, i) => `row ${i}`) }]);
    // The first page begins behind the four bytes of "PAR1".
    const damaged = Buffer.from(file).fill(0xff, 4, 9);
    const { path } = await scratch({ 'a.parquet': damaged });
    expect(await refuse(path('a.parquet'), { text: 'text' })).toMatch(
      /^a\.parquet, row group 1, column "text" is damaged(: |\.$)/,
    );
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['something else', Buffer.from('text,label\na,b\n')],
    [
      'a size of its metadata that it has not',
      Buffer.from('PAR1abcd\xff\xff\xff\x7fPAR1', 'latin1'),
    ],
    ['metadata that do not end', Buffer.from('PAR1\x19\x19\x19\x19\x04\x00\x00\x00PAR1', 'latin1')],
  ])('are refused when they hold %s', async (_, content) => {
    const { path } = await scratch({ 'a.parquet': content });
    expect(await refuse(path('a.parquet'), { text: 'text' })).toMatch(
      /^a\.parquet is no Parquet file or is damaged(: |\.$)/,
    );
  });

  it('cannot be compressed as a whole', async () => {
    const { path } = await scratch({ 'a.parquet.gz': '' });
    const request = { patterns: [path('a.parquet.gz')], format: undefined, key: 'data.train' };
    await expect(listSources(request, () => undefined)).rejects.toThrow(
      /^data\.train: .*expected an uncompressed \.parquet file\.$/,
    );
  });
});

function fixture(name: string): string {
  return fileURLToPath(new URL(`../../../fixtures/parquet/${name}.parquet`, import.meta.url));
}

type Columns = Parameters<typeof parquetWriteBuffer>[0]['columnData'];

function write(columnData: Columns): Buffer {
  return Buffer.from(parquetWriteBuffer({ columnData }));
}

function list(path: string, targetBytes: number): Promise<readonly Extent[]> {
  return listExtents({ path, format: 'parquet' }, targetBytes, {});
}

async function read(path: string, options: ExampleOptions, extent?: Extent) {
  const source = { path, format: 'parquet' } as const;
  const batches = await collect(readSource(source, { ...options, onBadRow: 'skip' }, extent));
  return {
    rows: batches.flatMap(({ rows }) => rows.map(({ row, text, label }) => [row, text, label])),
    bad: batches.flatMap(({ bad }) => bad),
  };
}

async function refuse(path: string, options: ExampleOptions): Promise<string> {
  const reading = collect(readSource({ path, format: 'parquet' }, options));
  const error: unknown = await reading.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  return (error as Error).message.replace(/^\S*\/(?=[\w-]+\.parquet)/, '');
}

describe('labels of Parquet files', () => {
  const types = fileURLToPath(new URL('../../../fixtures/parquet-types.parquet', import.meta.url));
  const labels: Record<string, string[]> = {
    decimal: ['161888007138312192', '161888007138312193', '5', '-161888007138312192'],
    price: ['1.50', '-0.05', '0.00', '12345.67'],
    wide: [0, 1, 2, 3].map((i) => `${10n ** 28n + BigInt(i)}.000000001`),
    int64: ['9007199254740992', '9007199254740993', '-9223372036854775808', '9223372036854775807'],
    uint64: ['18446744073709551615', '18446744073709551614', '0', '9223372036854775808'],
    uint32: ['4294967295', '0', '1', '2147483648'],
    float: ['0.1', '1.5', '-0', '16777216'],
    double: ['0.1', '0.30000000000000004', '1e+300', '-2'],
    flag: ['true', 'false', 'true', 'false'],
    date: ['1970-01-01', '1969-12-31', '2022-01-08', '2024-10-04'],
    millis: [
      '1970-01-01T00:00:00.000Z',
      '1970-01-01T00:00:00.001Z',
      '1969-12-31T23:59:59.999Z',
      '2023-11-14T22:13:20.123Z',
    ],
    micros: [
      '1970-01-01T00:00:00.000000',
      '1970-01-01T00:00:00.000001',
      '1969-12-31T23:59:59.999999',
      '2023-11-14T22:13:20.123456',
    ],
    nanos: [
      '1970-01-01T00:00:00.000000000Z',
      '1970-01-01T00:00:00.000000001Z',
      '1969-12-31T23:59:59.999999999Z',
      '2023-11-14T22:13:20.123456789Z',
    ],
    time: ['00:00:00.000000', '00:00:00.000001', '23:59:59.999999', '01:00:00.000000'],
  };

  it.each(Object.entries(labels))(
    'are the exact text of each value: %s',
    async (label, expected) => {
      const { rows } = await read(types, { text: 'text', label });
      expect(rows.map((row) => row[2])).toEqual(expected);
    },
  );

  it('come from pages whose checksums fit', async () => {
    const bytes = await readFile(types);
    // A bit of the first page, which holds the texts, behind its header.
    bytes[50]! ^= 1;
    const { path } = await scratch({ 'a.parquet': bytes });
    await expect(read(path('a.parquet'), { text: 'text' })).rejects.toThrow(
      /a\.parquet, row group 1, column "text" is damaged: the checksum of the page at byte 4 does not fit\.$/,
    );
  });

  it('are as many as the file says', async () => {
    const bytes = await readFile(types);
    // Of the number of rows in the metadata of the file; the row group says it once more.
    const end = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8);
    const damaged = [];
    for (let at = end; at < bytes.length - 8; at++) {
      if (bytes[at] !== 8 || bytes[at - 1] !== 0x16) continue;
      const copy = Buffer.from(bytes);
      copy[at] = 6;
      damaged.push(copy);
    }
    expect(damaged.length).toBeGreaterThan(2);
    for (const copy of damaged) {
      const { path } = await scratch({ 'a.parquet': copy });
      const reading = read(path('a.parquet'), { text: 'text' });
      const found = await reading.then(
        ({ rows }) => rows.length,
        (error: unknown) => (error as Error).message,
      );
      // Those of other columns are not looked at.
      expect(found === 4 || /says that it has|fewer|more values/.test(String(found))).toBe(true);
    }
  });
});
