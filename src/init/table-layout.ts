import { parseCsv } from '../data/formats/csv/csv.js';
import { chooseQuoting } from '../data/formats/csv/csv-scan.js';
import { delimiters } from '../data/formats/columns.js';
import type { Reading } from './reading.js';

/** How the cells of a table are divided and quoted, which its rows tell. */

export type Quote = 'usual' | '"' | 'auto' | 'none';

/** The rows that a layout divides texts into, up to the most that are looked at. */
export async function parse(
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

/**
 * The usual one, unless another divides all rows into more cells, as many in each: commas are in texts and in numbers, where the
 * others are not.
 */
export async function chooseDelimiter(
  start: string,
  reading: Reading,
  usual: string,
): Promise<string> {
  const tried = await Promise.all(
    [usual, ...delimiters.filter((each) => each !== usual)].map(async (delimiter) => {
      const { rows } = await parse([start], reading, delimiter, 'usual');
      const width = commonWidth(rows);
      const isEven = rows.every(({ length }, i) => length === width || i === rows.length - 1);
      const even = rows.filter(({ length }) => length === width).length / Math.max(1, rows.length);
      // The first row is the header, or has to be like the others: else nothing can be read.
      const isGood = width > 1 && even > 0.9 && rows[0]!.length === width;
      return {
        delimiter,
        width,
        isGood,
        isSure: width > 1 && isEven && rows.length >= FEWEST_ROWS,
      };
    }),
  );
  const own = tried[0]!;
  return tried.reduce((best, each) => {
    if (each === own) return best;
    if (!best.isGood) return each.isGood ? each : best;
    const isWider = each.width > best.width && (own.isGood ? each.isSure : each.isGood);
    // As well divided, but for commas that may stand within numbers or texts.
    const isSurer = best === own && each.width === own.width && each.isSure;
    return isWider || (isSurer && (!own.isSure || isWithinNumbers(start, usual))) ? each : best;
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

/** Cells that most rows have. */
export function commonWidth(rows: readonly string[][]): number {
  const counts = new Map<number, number>();
  for (const { length } of rows) counts.set(length, (counts.get(length) ?? 0) + 1);
  return [...counts].reduce((a, b) => (b[1] > a[1] ? b : a), [0, 0])[0];
}

/** Rows that a layout seems not to be that of. */
export function countFaults(rows: readonly string[][]): number {
  const width = commonWidth(rows);
  // A quotation mark at one end of a cell alone is one that was taken for a character.
  const isHalf = (cell: string): boolean => /^"[^"]*$|^[^"]*"$/.test(cell);
  return rows.filter((cells) => cells.length !== width || cells.some(isHalf)).length;
}
