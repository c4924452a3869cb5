import { writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { prepareCorpus } from '../../src/data/prepare/prepare.js';
import { UserError } from '../../src/errors.js';
import { planConfig } from '../../src/init/plan.js';
import { takeSample } from '../../src/init/sample.js';
import { useScratch } from '../data/scratch.js';
import { tries } from '../effort.js';

const scratch = useScratch();

const letter = fc.constantFrom(...Array.from('abcdefghijklmnopqrstuvwxyzäöü漢",;|\'#: {}[]-'));
const word = fc.array(letter, { minLength: 1, maxLength: 9 }).map((letters) => letters.join(''));
const name = fc.oneof(
  fc.constantFrom('text', 'label', 'id', 'price', 'class', 'yes', 'null', '1', '3.5', 'a b'),
  fc.constantFrom("it's", '#x', '{a}', ' padded ', '', 'a.b', '__proto__', 'constructor'),
  word,
);
const cell = {
  words: fc.array(word, { minLength: 1, maxLength: 12 }).map((words) => words.join(' ')),
  one: word,
  few: fc.constantFrom('yes', 'no', 'true', '0', 'null', '"'),
  several: fc.subarray(['red', 'green', 'blue', 'round']).map((all) => all.join('|')),
  number: fc.double({ min: -1000, max: 1000, noNaN: true }).map(String),
  rating: fc.integer({ min: 1, max: 5 }).map(String),
  date: fc.constantFrom('2024-01-02', '03.04.2023'),
  empty: fc.constant(''),
};
const kind = fc.constantFrom(...(Object.keys(cell) as (keyof typeof cell)[]));

/** A CSV or JSON Lines of some columns of one kind each, with now and then an empty cell or a row of another width. */
const table = fc
  .record({
    columns: fc.array(fc.record({ name, kind }), { minLength: 1, maxLength: 5 }),
    rows: fc.integer({ min: 0, max: 40 }),
    header: fc.boolean(),
    delimiter: fc.constantFrom(',', ';', '\t'),
    json: fc.boolean(),
    torn: fc.boolean(),
  })
  .chain(({ columns, rows, ...layout }) => {
    const row = columns.map((column) =>
      fc.oneof({ weight: 20, arbitrary: cell[column.kind] }, { weight: 1, arbitrary: cell.empty }),
    );
    return fc
      .array(fc.tuple(...row), { minLength: rows, maxLength: rows })
      .map((cells) => ({ names: columns.map((column) => column.name), cells, ...layout }));
  });

interface Table {
  names: string[];
  cells: string[][];
  header: boolean;
  delimiter: string;
  json: boolean;
  torn: boolean;
}

function write({ names, cells, header, delimiter, json, torn }: Table): string {
  if (json) {
    const objects = cells.map((row) => Object.fromEntries(names.map((each, i) => [each, row[i]])));
    return objects.map((object) => JSON.stringify(object)).join('\n');
  }
  const quote = (text: string) =>
    text.includes('"') || text.includes(delimiter) ? `"${text.replaceAll('"', '""')}"` : text;
  const rows = header ? [names, ...cells] : cells;
  const lines = rows.map((row) => row.map(quote).join(delimiter));
  if (torn) lines.push('torn');
  return `${lines.join('\n')}\n`;
}

/** The config that is made of a file, or why there is none. */
async function plan(path: string): Promise<string | UserError> {
  try {
    const samples = [await takeSample(path)];
    return planConfig(samples, { train: [path], validation: [], test: [] }, {}).text;
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

test('whatever the table, the config is one that train takes, or a sentence says why there is none', async () => {
  const { path } = await scratch();
  await fc.assert(
    fc.asyncProperty(table, async (given) => {
      const file = path(given.json ? 'data.jsonl' : 'data.csv');
      await writeFile(file, write(given));
      const made = await plan(file);
      if (made instanceof UserError) expect(made.message).toMatch(/expected|some class/);
      else expect(parseConfig(made, 'config.yaml').data.train).toEqual([file]);
    }),
    { numRuns: tries(60), endOnFailure: true },
  );
});

const plain = fc.constantFrom(...Array.from('abcdefgh'));
const delimiters = [',', ';', '\t', '|'];

/** Texts beside one of three classes or an amount, with whatever else divides tables, commas above all, within texts and amounts. */
const written = fc.record({
  delimiter: fc.constantFrom(...delimiters),
  mark: fc.constantFrom('.', ','),
  /** Whether all cells are quoted, or those that have to be. */
  quotesAll: fc.boolean(),
  end: fc.constantFrom('\n', '\r\n'),
  start: fc.constantFrom('', '\uFEFF'),
  header: fc.boolean(),
  rows: fc.array(
    fc.record({
      words: fc.array(fc.array(plain, { minLength: 3, maxLength: 8 }), {
        minLength: 4,
        maxLength: 12,
      }),
      signs: fc.array(fc.constantFrom(' ', ' ', ' ', ', ', '; ', ' | '), {
        minLength: 12,
        maxLength: 12,
      }),
      amount: fc.integer({ min: 0, max: 99_999 }),
      kind: fc.constantFrom('red', 'green', 'blue'),
    }),
    { minLength: 30, maxLength: 40 },
  ),
});

test('what divides a table is found, whatever else is in its texts and numbers', async () => {
  const { path } = await scratch();
  await fc.assert(
    fc.asyncProperty(written, async ({ delimiter, mark, quotesAll, end, start, header, rows }) => {
      const quote = (cell: string): string =>
        quotesAll || cell.includes(delimiter) ? `"${cell}"` : cell;
      const cells = rows.map(({ words, signs, amount, kind }) => [
        words
          .map((letters, i) => letters.join('') + (i + 1 < words.length ? signs[i]! : ''))
          .join(''),
        (amount / 100).toFixed(2).replace('.', mark),
        kind,
      ]);
      const lines = [...(header ? [['text', 'price', 'color']] : []), ...cells];
      const file = path('written.csv');
      await writeFile(
        file,
        start + lines.map((line) => line.map(quote).join(delimiter) + end).join(''),
      );
      const made = await plan(file);
      if (made instanceof UserError) throw made;
      const { task, data } = parseConfig(made, 'config.yaml', [`data.storeDir=${path('kept')}`]);
      expect(data.delimiter).toBe(delimiter === ',' ? undefined : delimiter);
      expect({ task, ...data }).toMatchObject({
        ...{ task: 'classify', header },
        ...(header ? { text: 'text', label: 'color' } : { text: 1, label: 3 }),
        onBadRow: 'error',
      });
    }),
    { numRuns: tries(100), endOnFailure: true },
  );
});

test('the data can be prepared with the config', async () => {
  const { path } = await scratch();
  let prepared = 0;
  await fc.assert(
    fc.asyncProperty(table, async (given) => {
      const file = path(given.json ? 'rows.jsonl' : 'rows.csv');
      await writeFile(file, write(given));
      const made = given.cells.length < 20 ? undefined : await plan(file);
      if (made === undefined || made instanceof UserError) return;
      const config = parseConfig(made, 'config.yaml', [`data.storeDir=${path('stores')}`]);
      const corpus = await prepareCorpus(config, () => undefined);
      expect(corpus.train.rows).toBeGreaterThan(0);
      await corpus.close();
      prepared++;
    }),
    { numRuns: tries(15), endOnFailure: true },
  );
  expect(prepared).toBeGreaterThan(0);
});
