import { isSeparatorLine } from '../data/formats/columns.js';
import { readNumber } from '../data/formats/numbers.js';
import { nameSource } from '../data/input/sources.js';
import { UserError } from '../errors.js';
import { formatCount } from '../observe/figures.js';
import { counted } from '../system/counted.js';
import { isCut, type ReadContent, type Reading, type SampledColumn } from './reading.js';
import { chooseDelimiter, commonWidth, countFaults, parse } from './table-layout.js';

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
  const width = commonWidth(rows);
  const even = rows.filter(({ length }) => length === width);
  expectRows(nameSource(source.path), rows, { width, delimiter, faulty });
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

/** Rows that may have another number of cells than the others: more of them show that the table is not divided as it is read. */
const MOST_UNEVEN = 0.1;

/** @throws UserError for what could be trained on only without much of its rows, or not at all */
function expectRows(
  name: string,
  rows: readonly string[][],
  { width, delimiter, faulty }: { width: number; delimiter: string; faulty: number },
): void {
  const [first] = rows;
  if (first === undefined) return;
  if (isSeparatorLine(first)) {
    throw new UserError(
      `${name} begins with a line for spreadsheets (sep=), which is no header: remove it`,
    );
  }
  if (rows.length === 1) {
    throw new UserError(`${name}: expected rows below the first one, found none`);
  }
  const between = delimiter === '\t' ? 'tabs' : JSON.stringify(delimiter);
  const uneven = rows.filter(({ length }) => length !== width).length + faulty;
  if (uneven > MOST_UNEVEN * (rows.length + faulty) && uneven > 1) {
    throw new UserError(
      `${name}: expected ${counted(width, 'cell')} with ${between} between them in every row, as most have, found others in ${formatCount(uneven)} of ${formatCount(rows.length + faulty)}: cells with ${between} in them have to be quoted`,
    );
  }
  if (first.length !== width) {
    throw new UserError(
      `${name}: expected a header, or a row of ${counted(width, 'cell')} as the others, found first ${counted(first.length, 'cell')} (${JSON.stringify(first.join(delimiter).slice(0, 40))}): remove that line, or mend it`,
    );
  }
}

/** Whether a cell is a number in one or another way of writing. */
const isNumber = (cell: string): boolean =>
  readNumber(cell, '.') !== undefined || readNumber(cell, ',') !== undefined;

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
    others.filter((cells) => isNumber(cells[column]!)).length;
  const hasTexts = first.some((_, column) => numbersIn(column) < 0.1 * others.length);
  if (hasTexts && countsColumns(first)) {
    return { isHeader: true, reason: 'the first row numbers the columns, unlike the rows below' };
  }
  if (first.some((cell) => isNumber(cell))) {
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
