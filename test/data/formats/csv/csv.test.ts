import { parse } from 'fast-csv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCsv } from '../../../../src/data/formats/csv/csv.js';
import { type Quoting, scanRows } from '../../../../src/data/formats/csv/csv-scan.js';
import { tries } from '../../../effort.js';

const source = { path: 'a.csv', format: 'csv' } as const;

describe('rows that are scanned', () => {
  it('are those that fast-csv finds, whatever the text and however it is cut', async () => {
    const characters = ['a', 'b', ',', ',', '"', '"', '""', '\n', '\n', '\r\n', '\r', 'é'];
    const text = fc.string({ unit: fc.constantFrom(...characters), maxLength: 40 });
    const cuts = fc.array(fc.nat(40), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(text, cuts, fc.constantFrom(',', ';'), async (csv, at, delimiter) => {
        const expected = await parseByFastCsv(csv, delimiter);
        const found = await parseHere(cut(csv, at), delimiter);
        expect(found.failed).toBe(expected.failed);
        // fast-csv loses the good rows before a bad one.
        if (!expected.failed) expect(found.rows).toEqual(expected.rows);
      }),
      { numRuns: tries(1000), seed: 1 },
    );
  });

  it('are all rows of a well-formed text', () => {
    const rows = [
      ['plain', 'with "quotes"', ''],
      ['line\nbreaks\r\n', 'comma, comma', ' spaces '],
      ['', '', ''],
    ];
    const quote = (cell: string): string =>
      /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
    const text = rows.map((cells) => `${cells.map(quote).join(',')}\r\n`).join('\n');
    const scan = scanRows(text, 1, { delimiter: ',', quoting: 'full' });
    expect(scan.rows.map(({ cells }) => cells)).toEqual(rows);
    expect(scan.rows.map(({ line }) => line)).toEqual([1, 3, 7]);
    expect(scan).toMatchObject({ end: text.length, nextLine: 8 });
  });

  it('keep white space that begins a row or fills a cell', () => {
    const found = scan('a,b\n ,x\n\t,y\n  z, \n   \n,\n');
    expect(found).toEqual([
      ['a', 'b'],
      [' ', 'x'],
      ['\t', 'y'],
      ['  z', ' '],
      ['', ''],
    ]);
  });

  it('go on behind all lines that may belong to a cell whose quotation marks are malformed', () => {
    const text = 'a,b\n"x"y,z\nc,d\n"open,e\nf,g\n"h\ni",j\nk,l\n';
    const { rows } = scanRows(text, 1, { delimiter: ',', quoting: 'full', isEnd: true });
    expect(rows.map(({ line, cells, fault }) => [line, fault ?? cells])).toEqual([
      [1, ['a', 'b']],
      [
        2,
        'expected "," or the end of the line after a closing quotation mark: if quotation marks are part of the text here, set data.quote to auto.',
      ],
      [3, ['c', 'd']],
      [
        4,
        'expected "," or the end of the line after a closing quotation mark, and 3 lines behind it may belong to the cell: if quotation marks are part of the text here, set data.quote to auto.',
      ],
      [8, ['k', 'l']],
    ]);
    expect(scan('a\n"open\nb\n')).toEqual([
      ['a'],
      'a quotation mark is never closed, and the line behind it may belong to the cell: if quotation marks are part of the text here, set data.quote to auto.',
    ]);
    expect(scan('"one\ntwo" x,y\nz\n')).toEqual([
      'expected "," or the end of the line after a closing quotation mark, and the line behind it may belong to the cell: if quotation marks are part of the text here, set data.quote to auto.',
      ['z'],
    ]);
  });

  it('of a TSV may begin with a quotation mark, and end with one', () => {
    const text = '"Swing" band\tx\n"open\ty\nend"\tz\n"a ""b"" c"\t"d\te"\n';
    const rows = ['line', 'none'].map((quoting) =>
      scanRows(text, 1, { delimiter: '\t', quoting: quoting as Quoting }).rows.map(
        ({ cells }) => cells,
      ),
    );
    expect(rows[0]).toEqual([
      ['"Swing" band', 'x'],
      ['"open', 'y'],
      ['end"', 'z'],
      ['a "b" c', 'd\te'],
    ]);
    expect(rows[1]![3]).toEqual(['"a ""b"" c"', '"d', 'e"']);
  });
});

function scan(text: string): (string[] | string)[] {
  const { rows } = scanRows(text, 1, { delimiter: ',', quoting: 'full', isEnd: true });
  return rows.map(({ cells, fault }) => fault ?? cells);
}

interface Parsed {
  rows: string[][];
  failed: boolean;
}

async function parseHere(pieces: string[], delimiter: string): Promise<Parsed> {
  const rows: string[][] = [];
  for await (const batch of parseCsv(from(pieces), { delimiter, source })) {
    if (batch.rows.some(({ fault }) => fault !== undefined)) return { rows, failed: true };
    rows.push(...batch.rows.map(({ cells }) => cells));
  }
  return { rows, failed: false };
}

/** Blank lines, which fast-csv gives as rows without cells, left out. */
function parseByFastCsv(text: string, delimiter: string): Promise<Parsed> {
  return new Promise((resolve) => {
    const rows: string[][] = [];
    const stream = parse({ headers: false, delimiter })
      .on('data', (cells: string[]) => cells.length > 0 && rows.push(cells))
      .on('error', () => resolve({ rows, failed: true }))
      .on('end', () => resolve({ rows, failed: false }));
    // In one piece: fast-csv itself takes a byte order mark at the start of a piece for one.
    stream.end(text);
  });
}

function cut(text: string, at: number[]): string[] {
  const ends = [...at, text.length].sort((a, b) => a - b);
  return ends.map((end, i) => text.slice(i === 0 ? 0 : ends[i - 1], end)).filter(Boolean);
}

async function* from<T>(items: Iterable<T>): AsyncGenerator<T> {
  for (const item of items) yield await Promise.resolve(item);
}
