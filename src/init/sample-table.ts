import { parseCsv } from '../data/formats/csv/csv.js';
import { chooseQuoting } from '../data/formats/csv/csv-scan.js';
import { delimiters, refuseSeparatorLine } from '../data/formats/columns.js';
import { readNumber } from '../data/formats/numbers.js';
import { nameSource } from '../data/input/sources.js';
import { isCut, type ReadContent, type Reading, type SampledColumn } from './reading.js';

/** The first rows of a CSV or TSV: what divides and quotes its cells, and whether a header names them. */
export async function readTable(reading: Reading): Promise<ReadContent> {
  const { source } = reading;
  // To try several layouts the text is kept.
  const pieces: string[] = [];
  for await (const piece of reading.pieces) pieces.push(piece);
  const usual = source.format === 'tsv' ? '\t' : ',';
  const start = pieces.join('').slice(0, 1 << 18);
  const delimiter = await chooseDelimiter(start, reading, usual);
  const layouts = await Promise.all(
    (['usual', '"', 'auto', 'none'] as const).map(async (quote) => {
      const parsed = await parse([start], reading, delimiter, quote);
      return { quote, faults: countFaults(parsed.rows), rows: parsed.rows.length };
    }),
  );
  const best = layouts.reduce((a, b) => (b.faults < a.faults && b.rows >= 0.9 * a.rows ? b : a));
  const { rows, faulty, isWhole, characters } = await parse(pieces, reading, delimiter, best.quote);
  if (rows[0]) refuseSeparatorLine(rows[0], nameSource(source.path));
  const width = commonWidth(rows);
  const even = rows.filter(({ length }) => length === width);
  const { isHeader, reason } = judgeHeader(even, reading.header);
  const body = isHeader ? even.slice(1) : even;
  const columns = nameColumns(isHeader ? even[0]! : undefined, body, width);
  return {
    content: {
      ...{ kind: 'table', columns, header: isHeader, headerReason: reason },
      ...(delimiter !== usual && { delimiter }),
      ...(best.quote !== 'usual' && { quote: best.quote }),
      faulty: faulty + rows.length - even.length,
    },
    rows: body.length,
    isWhole: isWhole && !isCut(reading.pieces),
    share:
      characters /
      Math.max(
        1,
        pieces.reduce((sum, piece) => sum + piece.length, 0),
      ),
  };
}

type Quote = 'usual' | '"' | 'auto' | 'none';

async function parse(
  pieces: readonly string[],
  { source, mostRows }: Reading,
  delimiter: string,
  quote: Quote,
): Promise<{ rows: string[][]; faulty: number; isWhole: boolean; characters: number }> {
  const quoting = chooseQuoting(source.format, quote === 'usual' ? undefined : quote);
  const rows: string[][] = [];
  let faulty = 0;
  let characters = 0;
  const given = async function* () {
    await Promise.resolve();
    yield* pieces;
  };
  for await (const batch of parseCsv(given(), { delimiter, quoting, source })) {
    characters += batch.text.length;
    for (const { cells, fault } of batch.rows) {
      if (fault === undefined) rows.push([...cells]);
      else faulty++;
    }
    if (rows.length <= mostRows) continue;
    characters *= mostRows / rows.length;
    return { rows: rows.slice(0, mostRows), faulty, characters, isWhole: false };
  }
  return { rows, faulty, characters, isWhole: true };
}

/** Rows that another delimiter than the usual one has to divide alike, to be taken for it. */
const FEWEST_ROWS = 5;

/** The usual one, unless another divides all rows into more cells, as many in each. */
async function chooseDelimiter(start: string, reading: Reading, usual: string): Promise<string> {
  const tried = await Promise.all(
    [usual, ...delimiters.filter((each) => each !== usual)].map(async (delimiter) => {
      const { rows } = await parse([start], reading, delimiter, 'usual');
      const width = commonWidth(rows);
      const isEven = rows.every(({ length }, i) => length === width || i === rows.length - 1);
      const even = rows.filter(({ length }) => length === width).length / Math.max(1, rows.length);
      return { delimiter, width, even, isSure: isEven && rows.length >= FEWEST_ROWS };
    }),
  );
  const own = tried[0]!;
  const isOwnGood = own.width > 1 && own.even > 0.9;
  return tried.reduce((best, each) => {
    const isBetter = each.width > best.width && (isOwnGood ? each.isSure : each.even > 0.9);
    // As well divided, but for commas that may stand within numbers or texts.
    const isSurer =
      best === own && each !== own && each.width === own.width && each.width > 1 && each.isSure;
    return isBetter || (isSurer && (!own.isSure || isWithinNumbers(start, usual))) ? each : best;
  }).delimiter;
}

/** Whether a character stands between digits alone. */
function isWithinNumbers(text: string, character: string): boolean {
  return text
    .split(character)
    .every(
      (part, i, parts) =>
        (i === 0 || /^\d/.test(part)) && (i === parts.length - 1 || /\d$/.test(part)),
    );
}

function commonWidth(rows: readonly string[][]): number {
  const counts = new Map<number, number>();
  for (const { length } of rows) counts.set(length, (counts.get(length) ?? 0) + 1);
  return [...counts].reduce((a, b) => (b[1] > a[1] ? b : a), [0, 0])[0];
}

function countFaults(rows: readonly string[][]): number {
  const width = commonWidth(rows);
  // A quotation mark at one end of a cell alone is one that was taken for a character.
  const isHalf = (cell: string): boolean => /^"[^"]*$|^[^"]*"$/.test(cell);
  return rows.filter((cells) => cells.length !== width || cells.some(isHalf)).length;
}

/** Whether the first row names the columns, and what tells so. */
function judgeHeader(
  rows: readonly string[][],
  asked: boolean | undefined,
): { isHeader: boolean; reason: string } {
  if (asked !== undefined) return { isHeader: asked, reason: 'as --header says' };
  const [first, ...others] = rows;
  if (first === undefined || others.length === 0) {
    return { isHeader: false, reason: 'there is one row only' };
  }
  const numbersIn = (column: number): number =>
    others.filter((cells) => readNumber(cells[column]!) !== undefined).length;
  const hasTexts = first.some((_, column) => numbersIn(column) < 0.1 * others.length);
  if (hasTexts && countsColumns(first)) {
    return { isHeader: true, reason: 'the first row numbers the columns, unlike the rows below' };
  }
  if (first.some((cell) => readNumber(cell) !== undefined)) {
    return { isHeader: false, reason: 'a number stands in the first row' };
  }
  const again = first.findIndex(
    (cell, i) =>
      cell.trim() !== '' && others.some((cells) => cells[i] === cell) && !isSame(first, others),
  );
  if (again >= 0) {
    return {
      isHeader: false,
      reason: `the first row has ${JSON.stringify(first[again]!.slice(0, 40))}, as rows below have`,
    };
  }
  // Tables from spreadsheets have columns without a name at their end.
  const names = first.map((cell) => cell.trim());
  const given = names.filter((name) => name !== '');
  const areNames = given.length > 0 && given.every((name) => name.length <= 60);
  const mean = (column: number): number =>
    others.reduce((sum, cells) => sum + cells[column]!.length, 0) / others.length;
  const differs = names.some((name, i) => {
    if (name === '') return false;
    return numbersIn(i) > 0.9 * others.length || mean(i) > 3 * Math.max(8, name.length);
  });
  const isWord = given.every((name) => /^[\p{L}_][\p{L}\p{N}_ .()/-]{0,40}$/u.test(name));
  if (areNames && (differs || isWord)) {
    return { isHeader: true, reason: 'the first row has names, unlike the rows below' };
  }
  return { isHeader: false, reason: 'the first row looks like the rows below' };
}

/** Whether a row is 0, 1, 2, … or 1, 2, 3, …, as tables are written whose columns nobody has named. */
function countsColumns(row: readonly string[]): boolean {
  const counts = (from: number): boolean =>
    row.every((cell, column) => cell.trim() === String(from + column));
  return row.length > 1 && (counts(0) || counts(1));
}

/** A file that is put together of several repeats its header. */
function isSame(first: readonly string[], others: readonly string[][]): boolean {
  const whole = first.join('\0');
  return others.some((cells) => cells.join('\0') === whole);
}

function nameColumns(
  header: readonly string[] | undefined,
  rows: readonly string[][],
  width: number,
): SampledColumn[] {
  const names = header?.map((name) => name.trim());
  return Array.from({ length: width }, (_, i) => {
    const name = names?.[i];
    const isOnly =
      name !== undefined && name !== '' && names!.filter((n) => n === name).length === 1;
    return { name: isOnly ? name : i + 1, values: rows.map((cells) => cells[i]!) };
  });
}
