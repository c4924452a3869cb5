import { adviseQuote, type CsvRow, findLine, type Quoting, scanRows } from './csv-scan.js';
import { RowError } from '../row-error.js';
import type { Source } from '../../input/sources.js';
import { BrokenExtent } from '../../input/extent.js';

/** CSV with the line on which each row begins. */

/** Rows that stand behind one another. */
export interface CsvBatch {
  readonly rows: readonly CsvRow[];
  /** What the rows were parsed from, and the line on which it begins. */
  readonly text: string;
  readonly line: number;
  /** The line that follows. */
  readonly nextLine: number;
}

export interface CsvOptions {
  readonly delimiter: string;
  /** `full` by default. */
  readonly quoting?: Quoting;
  /** For messages. */
  readonly source: Pick<Source, 'path' | 'format'>;
  /** Whether the text goes on behind the pieces, so that they must end where a row ends. */
  readonly goesOn?: boolean;
  /** Characters that a row may have. */
  readonly longestRow?: number;
  /** Whether blank lines are rows of one empty cell; they are none by default. */
  readonly keepsBlank?: boolean;
}

const defaultLongestRow = 1 << 24;

/**
 * Parses text that arrives in pieces into batches of rows.
 *
 * @throws RowError for a row that is too long; BrokenExtent when `goesOn` and the text ends in a row.
 */
export async function* parseCsv(
  pieces: AsyncIterable<string>,
  {
    delimiter,
    quoting = 'full',
    source,
    goesOn = false,
    longestRow = defaultLongestRow,
    keepsBlank = false,
  }: CsvOptions,
): AsyncGenerator<CsvBatch, void, undefined> {
  let pending = '';
  let line = 1;
  let unseen = 0;
  const take = (isEnd: boolean): CsvBatch | undefined => {
    const scan = scanRows(pending, line, { delimiter, quoting, isEnd, keepsBlank });
    if (scan.end === 0) return undefined;
    const batch = {
      rows: scan.rows,
      text: pending.slice(0, scan.end),
      line,
      nextLine: scan.nextLine,
    };
    pending = pending.slice(scan.end);
    line = scan.nextLine;
    return batch;
  };
  for await (const piece of pieces) {
    pending += piece;
    unseen += piece.length;
    // A row that goes on is scanned from its start with every piece: waiting until there is twice
    // as much of it keeps the work in proportion to the row.
    if (2 * unseen < pending.length) continue;
    unseen = 0;
    const batch = take(false);
    if (batch !== undefined) yield batch;
    if (pending.length > longestRow) throw refuseLong(source, line, pending, longestRow);
  }
  const last = take(!goesOn);
  if (last !== undefined) yield last;
  if (goesOn && pending !== '') throw new BrokenExtent(`${source.path} has rows across extents`);
}

/** Of a cell without end nobody knows whether it is one: the lines in it are not to be taken for rows. */
function refuseLong(
  source: CsvOptions['source'],
  line: number,
  row: string,
  longest: number,
): RowError {
  const reason = /[\r\n]/.test(row)
    ? `this row is longer than ${longest} characters: expected shorter cells, or a quotation mark is never closed; ${adviseQuote}.`
    : `this line is longer than ${longest} characters.`;
  return new RowError(source, line, reason);
}

/**
 * The text of rows in the batch that they came from, without the line break at the end; to be
 * asked in the rows' order.
 */
export function openRowTexts({ rows, text, line, nextLine }: CsvBatch): (row: number) => string {
  let at = { line, index: 0 };
  const moveTo = (to: number): number => {
    at = { line: to, index: at.index + findLine(text.slice(at.index), to - at.line) };
    return at.index;
  };
  return (row) => {
    const start = moveTo(rows[row]!.line);
    return text.slice(start, moveTo(rows[row + 1]?.line ?? nextLine)).replace(/[\r\n]+$/, '');
  };
}
