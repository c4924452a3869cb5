import { parse } from 'fast-csv';
import { UserError } from '../errors.js';

/** CSV by fast-csv, with the line on which each row begins. */

export interface CsvRow {
  readonly cells: string[];
  /** Line of the file, from 1, on which the row begins; quoted cells may hold line breaks. */
  readonly line: number;
}

/** In characters: a longer row is taken for a quotation mark that is never closed. */
const longestRow = 1 << 24;

type Parser = ReturnType<typeof parse>;

/**
 * Parses text that arrives in pieces into rows, a batch for each piece; blank lines are skipped.
 *
 * @param name Of the file, for messages.
 * @param longest Characters that a row may have.
 * @throws UserError that names file and line of a row that is no CSV.
 */
export async function* parseCsv(
  pieces: AsyncIterable<string>,
  delimiter: string,
  name: string,
  longest = longestRow,
): AsyncGenerator<CsvRow[], void, undefined> {
  const parser = open(delimiter);
  // What the parser has not turned into rows yet, with the line on which it begins: the parser
  // does not say where it gave up, and loses the good rows of the piece that holds a bad one.
  let pending = '';
  let line = 1;
  let unseen = '';
  const take = (): CsvRow[] => {
    const { rows, next } = number(parser.rows.splice(0), line);
    pending = dropLines(pending, next - line);
    line = next;
    return rows;
  };
  const feed = async (): Promise<CsvRow[]> => {
    try {
      await write(parser.stream, unseen);
    } catch {
      throw await findFault(pending, line, delimiter, name);
    }
    unseen = '';
    const rows = take();
    if (pending.length > longest) throw tooLong(name, line, longest);
    return rows;
  };
  for await (const piece of pieces) {
    pending += piece;
    unseen += piece;
    // The parser begins a row that goes on anew with every piece: doubling what it sees of a long
    // row keeps the work in proportion to the row.
    if (2 * unseen.length >= pending.length) yield await feed();
  }
  if (unseen !== '') yield await feed();
  try {
    await end(parser.stream);
  } catch {
    throw new UserError(`${name}, line ${line}: a quotation mark is never closed.`);
  }
  yield take();
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

function number(rows: string[][], from: number): { rows: CsvRow[]; next: number } {
  const numbered: CsvRow[] = [];
  let line = from;
  for (const cells of rows) {
    if (cells.length > 0) numbered.push({ cells, line });
    line += 1;
    for (const cell of cells) line += countBreaks(cell);
  }
  return { rows: numbered, next: line };
}

function countBreaks(text: string): number {
  if (!text.includes('\n') && !text.includes('\r')) return 0;
  return text.match(/\r\n|\n|\r/g)?.length ?? 0;
}

function dropLines(text: string, lines: number): string {
  const breaks = /\r\n|\n|\r/g;
  for (let left = lines; left > 0; left--) {
    if (breaks.exec(text) === null) return '';
  }
  return text.slice(breaks.lastIndex);
}

/** Looks for the most lines that can be parsed, so that the message names the next row's line. */
async function findFault(
  pending: string,
  from: number,
  delimiter: string,
  name: string,
): Promise<UserError> {
  const lines = pending.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  let good = 0;
  let next = from;
  for (let bad = lines.length; bad - good > 1; ) {
    const middle = Math.floor((good + bad) / 2);
    const rows = await parseStart(lines.slice(0, middle).join(''), delimiter);
    if (rows === undefined) {
      bad = middle;
    } else {
      good = middle;
      next = number(rows, from).next;
    }
  }
  return new UserError(
    `${name}, line ${next}: expected ${JSON.stringify(delimiter)} or the end of the line ` +
      'after a closing quotation mark.',
  );
}

/** The whole rows at the start of a text that goes on; undefined when one is no CSV. */
async function parseStart(text: string, delimiter: string): Promise<string[][] | undefined> {
  const { stream, rows } = open(delimiter);
  return write(stream, text).then(
    () => rows,
    () => undefined,
  );
}

function tooLong(name: string, line: number, longest: number): UserError {
  return new UserError(
    `${name}, line ${line}: this row is longer than ${longest} characters; is a quotation mark never closed?`,
  );
}
