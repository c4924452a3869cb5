import { writeFile } from 'node:fs/promises';
import type { SchemaElement } from 'hyparquet';
import fc from 'fast-check';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { expect, test } from 'vitest';
import { readSource } from '../../../../src/data/formats/examples.js';
import { UserError } from '../../../../src/errors.js';
import { collect, useScratch } from '../../scratch.js';
import { tries } from '../../../effort.js';

// What is kept of a row for its prediction: lists, maps and structs within them, too.

const scratch = useScratch();

interface Shape {
  readonly elements: (name: string) => SchemaElement[];
  readonly value: fc.Arbitrary<unknown>;
}

const text: Shape = {
  elements: (name) => [
    { name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
  ],
  value: fc.option(fc.string({ unit: 'grapheme', maxLength: 3 })),
};
const integer: Shape = {
  elements: (name) => [{ name, type: 'INT32', repetition_type: 'OPTIONAL' }],
  value: fc.option(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
};

function listOf(item: Shape): Shape {
  return {
    elements: (name) => [
      { name, converted_type: 'LIST', repetition_type: 'OPTIONAL', num_children: 1 },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      ...item.elements('element'),
    ],
    value: fc.option(fc.array(item.value, { maxLength: 3 })),
  };
}

function structOf(first: Shape, second: Shape): Shape {
  return {
    elements: (name) => [
      { name, repetition_type: 'OPTIONAL', num_children: 2 },
      ...first.elements('a'),
      ...second.elements('b'),
    ],
    value: fc.option(fc.record({ a: first.value, b: second.value })),
  };
}

function mapOf(value: Shape): Shape {
  return {
    elements: (name) => [
      { name, converted_type: 'MAP', repetition_type: 'OPTIONAL', num_children: 1 },
      { name: 'key_value', repetition_type: 'REPEATED', num_children: 2 },
      { name: 'key', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
      ...value.elements('value'),
    ],
    value: fc.option(
      fc.dictionary(fc.constantFrom('x', 'y', 'z'), value.value, { noNullPrototype: true }),
    ),
  };
}

const leaf = fc.constantFrom(text, integer);
const shape: fc.Arbitrary<Shape> = fc.letrec<{ shape: Shape }>((tie) => ({
  shape: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    tie('shape').map(listOf),
    fc.tuple(tie('shape'), tie('shape')).map(([a, b]) => structOf(a, b)),
    tie('shape').map(mapOf),
  ),
})).shape;

test('lists of anything are kept whole, as JSON', async () => {
  const files = shape
    .map((item) => listOf(item))
    .chain((column) =>
      fc.record({
        elements: fc.constant(column.elements('kept')),
        rows: fc.array(column.value, { minLength: 1, maxLength: 6 }),
        pageSize: fc.constantFrom(8, 1 << 20),
      }),
    );
  await fc.assert(
    fc.asyncProperty(files, async ({ elements, rows, pageSize }) => {
      const bytes = write(elements, rows, pageSize);
      expect(await readKept(bytes)).toEqual(rows);
    }),
    { numRuns: tries(30) },
  );
});

test('maps stand as objects, at the top and within structs, whose members are columns of their own', async () => {
  const inside = structOf(integer, mapOf(integer)).elements('kept');
  const rows = [{ a: 1, b: { x: 1, y: null } }, { a: null, b: {} }, { a: 2, b: null }, null];
  const { path } = await scratch({ 'a.parquet': write(inside, rows, 1 << 20) });
  expect(await readFields(path('a.parquet'))).toEqual([
    { text: 'row', 'kept.a': 1, 'kept.b': { x: 1, y: null } },
    { text: 'row', 'kept.a': null, 'kept.b': {} },
    { text: 'row', 'kept.a': 2, 'kept.b': null },
    { text: 'row', 'kept.a': null, 'kept.b': null },
  ]);
});

test('two columns that would have one name are refused', async () => {
  const elements = [
    ...structOf(integer, integer).elements('kept'),
    { name: 'kept.a', type: 'INT32', repetition_type: 'OPTIONAL' } as const,
  ];
  const bytes = parquetWriteBuffer({
    schema: [{ name: 'root', num_children: 3 }, ...text.elements('text'), ...elements],
    columnData: [
      { name: 'text', data: ['row'] },
      { name: 'kept', data: [{ a: 1, b: 2 }] },
      { name: 'kept.a', data: [3] },
    ],
  });
  const { path } = await scratch({ 'a.parquet': Buffer.from(bytes) });
  const refusal = readFields(path('a.parquet'));
  await expect(refusal).rejects.toThrow(UserError);
  await expect(refusal).rejects.toThrow('has two columns "kept.a"');
});

test('lists of strings are the labels of rows that may have several, and nothing else is', async () => {
  const rows = [['b', ' a '], [], null, ['c'], ['x|y'], ['a', null]];
  const read = async (elements: SchemaElement[], values: unknown[], more: object) => {
    const { path } = await scratch({ 'a.parquet': write(elements, values, 8) });
    const source = { path: path('a.parquet'), format: 'parquet' } as const;
    const batches = await collect(
      readSource(source, { text: 'text', label: 'kept', onBadRow: 'skip', ...more }),
    );
    return {
      labels: batches.flatMap((batch) => batch.rows.map(({ row, label }) => [row, label])),
      bad: batches.flatMap(({ bad }) => bad.map(({ row, reason }) => [row, reason])),
    };
  };
  const sets = { labelSeparator: '|' };
  const strings = listOf(text).elements('kept');
  const good = [...[1, 'b|a'], ...[2, ''], ...[3, ''], ...[4, 'c']];
  const found = await read(strings, rows, sets);
  expect(found.labels.flat()).toEqual(good);
  expect(found.bad).toEqual([
    [
      5,
      'expected a list of labels in the column "kept", found in it "x|y", in which "|" stands, as between labels (data.labelSeparator).',
    ],
    [6, 'expected a list of labels in the column "kept", found in it null.'],
  ]);
  // Predictions answer all rows, and compare those that say what they are.
  const kept = await read(strings, rows, { ...sets, keep: true, mayLackLabel: true });
  expect(kept.labels.flat()).toEqual([...good, 5, undefined, 6, undefined]);
  const refusal = 'the column "kept" is a list: expected one value in each row';
  await expect(read(strings, rows, {})).rejects.toThrow(refusal);
  const numbers = listOf(integer).elements('kept');
  await expect(read(numbers, [[1], [2]], sets)).rejects.toThrow(
    `${refusal}; of task multi-label the labels may be a list of strings.`,
  );
  const nested = listOf(listOf(text)).elements('kept');
  await expect(read(nested, [[['a']]], sets)).rejects.toThrow(refusal);
});

test('a byte that is flipped in a list is refused, or read as a value', async () => {
  const rows = [[{ a: 1, b: ['x', null] }, null], [], null, [{ a: null, b: [] }]];
  const bytes = write(listOf(structOf(integer, listOf(text))).elements('kept'), rows, 1 << 20);
  const { path } = await scratch({ 'a.parquet': bytes });
  for (let at = 4; at < bytes.length - 8; at++) {
    const damaged = Buffer.from(bytes);
    damaged[at]! ^= 1 << (at % 8);
    await writeFile(path('a.parquet'), damaged);
    const error: unknown = await readFields(path('a.parquet')).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error !== undefined) expect(error, `byte ${at}`).toBeInstanceOf(UserError);
  }
});

function write(elements: SchemaElement[], rows: unknown[], pageSize: number): Buffer {
  const bytes = parquetWriteBuffer({
    schema: [{ name: 'root', num_children: 2 }, ...text.elements('text'), ...elements],
    columnData: [
      { name: 'text', data: rows.map(() => 'row') },
      { name: 'kept', data: rows },
    ],
    pageSize,
  });
  return Buffer.from(bytes);
}

async function readKept(bytes: Buffer): Promise<unknown[]> {
  const { path } = await scratch({ 'a.parquet': bytes });
  return (await readFields(path('a.parquet'))).map((row) => row['kept']);
}

async function readFields(path: string): Promise<Record<string, unknown>[]> {
  const source = { path, format: 'parquet' } as Parameters<typeof readSource>[0];
  const batches = await collect(readSource(source, { text: 'text', keep: true }));
  return batches
    .flatMap(({ rows }) => rows)
    .map(({ fields }) => {
      if (fields === undefined || !('json' in fields)) throw new Error('expected an object');
      return JSON.parse(fields.json) as Record<string, unknown>;
    });
}
