import { parse } from 'fast-csv';
import { countBreaks, type CsvRow, findLine, scanRows } from './csv-scan.js';
import { BrokenExtent } from './extents.js';
import { RowError } from './row-error.js';
import type { Source } from './sources.js';

/** CSV with the line on which each row begins. */

/** Rows that stand behind one another; blank lines are no rows. */
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
  /** For messages. */
  readonly source: Pick<Source, 'path' | 'format'>;
  /** Whether the text goes on behind the pieces, so that they must end where a row ends. */
  readonly goesOn?: boolean;
  /** Characters that a row may have: a longer one is taken for a quotation mark left open. */
  readonly longestRow?: number;
}

const defaultLongestRow = 1 << 24;

/**
 * Parses text that arrives in pieces into batches of rows. Rows of the usual kind are cut by
 * `scanRows`; whatever else there is, and the last row without an end, is given to fast-csv, which
 * is six times as slow.
 *
 * @throws RowError where the text is no CSV; BrokenExtent when `goesOn` and the text ends in a row.
 */
export async function* parseCsv(
  pieces: AsyncIterable<string>,
  { delimiter, source, goesOn = false, longestRow = defaultLongestRow }: CsvOptions,
): AsyncGenerator<CsvBatch, void, undefined> {
  let pending = '';
  let line = 1;
  let unseen = 0;
  const advance = (rows: readonly CsvRow[], text: string, nextLine: number): CsvBatch => {
    const batch = { rows, text, line, nextLine };
    pending = pending.slice(text.length);
    line = nextLine;
    return batch;
  };
  const take = async function* (isEnd: boolean): AsyncGenerator<CsvBatch, void, undefined> {
    const { rows, end, nextLine, isUnusual } = scanRows(pending, delimiter, line);
    if (end > 0) yield advance(rows, pending.slice(0, end), nextLine);
    if (isUnusual || (isEnd && pending !== '')) {
      const rest = await parseUnusual(pending, line, delimiter, isEnd);
      yield advance(rest.rows, rest.text, rest.nextLine);
      if (rest.fault !== undefined) throw new RowError(source, line, rest.fault);
    }
  };
  for await (const piece of pieces) {
    pending += piece;
    unseen += piece.length;
    // A row that goes on is scanned from its start with every piece: waiting until there is twice
    // as much of it keeps the work in proportion to the row.
    if (2 * unseen < pending.length) continue;
    unseen = 0;
    yield* take(false);
    if (pending.length > longestRow) throw tooLong(source, line, longestRow);
  }
  yield* take(!goesOn);
  if (goesOn && pending !== '') throw new BrokenExtent(`${source.path} has rows across extents`);
}

function tooLong(source: CsvOptions['source'], line: number, longest: number): RowError {
  return new RowError(
    source,
    line,
    `this row is longer than ${longest} characters; is a quotation mark never closed?`,
  );
}

type Parser = ReturnType<typeof parse>;

interface Parsed {
  readonly rows: CsvRow[];
  readonly text: string;
  readonly nextLine: number;
  /** Why the row behind these is no CSV. */
  readonly fault?: string;
}

/** Parses by fast-csv what it can of a text that begins with a row. */
async function parseUnusual(
  text: string,
  line: number,
  delimiter: string,
  isEnd: boolean,
): Promise<Parsed> {
  const { stream, rows } = open(delimiter);
  try {
    await write(stream, text);
  } catch {
    return findFault(text, line, delimiter);
  }
  if (!isEnd) return number(rows, text, line);
  try {
    await end(stream);
  } catch {
    return { ...number(rows, text, line), fault: 'a quotation mark is never closed.' };
  }
  return { ...number(rows, text, line), text };
}

function open(delimiter: string): { stream: Parser; rows: string[][] } {
  const stream = parse({ headers: false, delimiter });
  const rows: string[][] = [];
  stream.on('data', (cells: string[]) => rows.push(cells));
  // Each failure also comes through the callback of the write that met it.
  stream.on('error', () => undefined);
  return { stream, rows };
}

function write(stream: Parser, piece: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(piece, (error) => (error ? reject(error) : resolve()));
  });
}

function end(stream: Parser): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.once('end', resolve).once('error', reject);
    stream.end();
  });
}

function number(rows: string[][], text: string, line: number): Parsed {
  const numbered: CsvRow[] = [];
  let nextLine = line;
  for (const cells of rows) {
    if (cells.length > 0) numbered.push({ cells, line: nextLine });
    nextLine += 1;
    for (const cell of cells) nextLine += countBreaks(cell);
  }
  return { rows: numbered, text: text.slice(0, findLine(text, nextLine - line)), nextLine };
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

/** Looks for the most lines that can be parsed: the fault lies in the row behind them. */
async function findFault(text: string, line: number, delimiter: string): Promise<Parsed> {
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  let good = 0;
  let found = number([], text, line);
  for (let bad = lines.length; bad - good > 1;) {
    const middle = Math.floor((good + bad) / 2);
    const rows = await parseStart(lines.slice(0, middle).join(''), delimiter);
    if (rows === undefined) {
      bad = middle;
    } else {
      good = middle;
      found = number(rows, text, line);
    }
  }
  return {
    ...found,
    fault: `expected ${JSON.stringify(delimiter)} or the end of the line after a closing quotation mark.`,
  };
}

/** The whole rows at the start of a text that goes on; undefined when one is no CSV. */
async function parseStart(text: string, delimiter: string): Promise<string[][] | undefined> {
  const { stream, rows } = open(delimiter);
  return write(stream, text).then(
    () => rows,
    () => undefined,
  );
}
