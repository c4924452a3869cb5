import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type ExampleOptions, readSource } from '../../../src/data/formats/examples.js';
import { listExtents } from '../../../src/data/formats/extents.js';
import { mix } from '../../../src/data/batches/order.js';
import type { Source } from '../../../src/data/input/sources.js';
import { UserError } from '../../../src/errors.js';
import { useScratch } from '../scratch.js';
import { BrokenExtent } from '../../../src/data/input/extent.js';

/** Inputs in all; `FUZZ=10000` for a thorough run. */
const inputs = Number(process.env['FUZZ'] ?? 400);
const fixtures = fileURLToPath(new URL('../../fixtures/', import.meta.url));
const columns: ExampleOptions = { text: 'text', label: 'label' };

interface Seed {
  readonly name: string;
  readonly source: Omit<Source, 'path'>;
  readonly options: ExampleOptions;
  /** The bytes that are changed, and what is done with them then. */
  readonly bytes: Buffer;
  readonly wrap?: (bytes: Buffer) => Buffer;
  /** What an error says besides the file: the place, or what the whole file lacks. */
  readonly place: RegExp;
}

const csv = Buffer.from(
  'id,label,text\r\n' +
    Array.from({ length: 60 }, (_, i) =>
      i % 3 === 0 ? `${i},spam,"two\nlines, ""naïve"" 😀"\n` : `${i},ham,plain text ${i}\r\n`,
    ).join(''),
);
const jsonl = Buffer.from(
  Array.from(
    { length: 60 },
    (_, i) => `${JSON.stringify({ text: `naïve "${i}"`, label: i % 3 })}\n`,
  ).join(''),
);
const inCsv = /, line \d+: |has no column|names the column|is binary data|seems to be UTF-16/;
const inJsonl = /, line \d+: |is binary data|seems to be UTF-16/;
const inParquet =
  /, row group \d+, column "|, row \d+: |damaged|has no column|is a list|expected strings/;
const packed = /is no (gzip|zstd) data|data is (damaged|cut off)|data asks for a window/;
const or = (...patterns: RegExp[]): RegExp =>
  new RegExp(patterns.map(({ source }) => source).join('|'));

const seeds: Seed[] = [
  { name: 'CSV', source: { format: 'csv' }, options: columns, bytes: csv, place: inCsv },
  { name: 'JSONL', source: { format: 'jsonl' }, options: columns, bytes: jsonl, place: inJsonl },
  {
    name: 'gzip',
    source: { format: 'csv', compression: 'gzip' },
    options: columns,
    bytes: Buffer.concat([gzipSync(csv), gzipSync('1,x,y\n')]),
    place: or(packed, inCsv),
  },
  {
    name: 'CSV in gzip',
    source: { format: 'csv', compression: 'gzip' },
    options: columns,
    bytes: csv,
    wrap: (bytes) => gzipSync(bytes),
    place: or(packed, inCsv),
  },
  {
    name: 'zstd',
    source: { format: 'jsonl', compression: 'zstd' },
    options: columns,
    bytes: readFileSync(`${fixtures}/zstd/two-frames.jsonl.zst`),
    place: or(packed, inJsonl),
  },
  ...readdirSync(`${fixtures}/parquet`).map((file, i) => ({
    name: `Parquet ${file}`,
    source: { format: 'parquet' as const },
    options: [
      { text: 'text', label: 'int' },
      { text: 'required', label: 'name' },
      { text: 'mail.body', label: 'big' },
      { text: 'text', label: 'flag' },
      { text: 'required', label: 'double' },
      { text: 'text', label: 'mail.meta.class' },
    ][i % 6]!,
    bytes: readFileSync(`${fixtures}/parquet/${file}`),
    place: inParquet,
  })),
];

describe(`${inputs} damaged inputs are read or refused with a sentence that names file and place`, () => {
  const scratch = useScratch();

  it.each(seeds)('$name', { timeout: 600_000 }, async (seed) => {
    const { path } = await scratch();
    // Half of the inputs are Parquet, which has the most to get wrong.
    const runs = Math.ceil(inputs / (seed.source.format === 'parquet' ? 12 : 10));
    const outcomes = { read: 0, refused: 0 };
    for (let run = 0; run < runs; run++) {
      const random = openRandom(mix(run, seeds.indexOf(seed)));
      const changed = mutate(seed.bytes, random);
      const file = path('input');
      await writeFile(file, seed.wrap?.(changed) ?? changed);
      outcomes[await tryReading({ ...seed.source, path: file }, seed, random)] += 1;
    }
    expect(outcomes.read + outcomes.refused).toBe(runs);
    if (inputs > 1000) console.log(seed.name, outcomes);
  });
});

async function tryReading(source: Source, seed: Seed, random: Random): Promise<'read' | 'refused'> {
  const options: ExampleOptions = {
    ...seed.options,
    onBadRow: random(2) === 0 ? 'error' : 'skip',
  };
  try {
    const extents = random(2) === 0 ? [undefined] : await listExtents(source, 500, options);
    for (const extent of extents) {
      for await (const { rows } of readSource(source, options, extent)) {
        for (const { text, label } of rows) {
          if (typeof text !== 'string' || typeof label !== 'string') throw new Error('no row');
        }
      }
    }
    return 'read';
  } catch (error) {
    if (error instanceof BrokenExtent) return 'refused';
    expect(error).toBeInstanceOf(UserError);
    const { message } = error as UserError;
    expect(message).toContain(source.path);
    expect(message).toMatch(seed.place);
    return 'refused';
  }
}

/** A whole number from 0 up to, not including, the limit. */
type Random = (limit: number) => number;

function openRandom(seed: number): Random {
  let step = 0;
  return (limit) => Math.floor((mix(seed, ++step) / 2 ** 32) * limit);
}

/** Changes bytes in one to four places. */
function mutate(bytes: Buffer, random: Random): Buffer {
  let changed = Buffer.from(bytes);
  for (let left = 1 + random(4); left > 0 && changed.length > 0; left--) {
    // Half of the places lie near the end, where Parquet has its metadata.
    const near = Math.min(changed.length, random(2) === 0 ? changed.length : 1500);
    const at = changed.length - 1 - random(near);
    const length = 1 + random(random(2) === 0 ? 4 : 64);
    const before = changed.subarray(0, at);
    const after = changed.subarray(at);
    switch (random(7)) {
      case 0:
      case 1:
        changed[at] = changed[at]! ^ (1 << random(8));
        break;
      case 2:
        changed.fill(
          [0, 0xff, 0x80, 0x22, 0x0a][random(5)]!,
          at,
          Math.min(changed.length, at + length),
        );
        break;
      case 3:
        changed = Buffer.from(
          random(4) === 0 ? before : Buffer.concat([before, after.subarray(length)]),
        );
        break;
      case 4:
        changed = Buffer.concat([
          before,
          Buffer.from(Array.from({ length }, () => random(256))),
          after,
        ]);
        break;
      case 5:
        changed = Buffer.concat([before, changed.subarray(Math.max(0, at - length)), after]);
        break;
      default:
        for (let i = at; i < Math.min(changed.length, at + length); i++) changed[i] = random(256);
    }
  }
  return changed;
}
