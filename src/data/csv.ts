import { parse } from 'fast-csv';
import { UserError } from '../errors.js';

/** CSV by fast-csv, with the line on which each row begins. */

export interface CsvRow {
  readonly cells: string[];
  /** Line of the file, from 1, on which the row begins; quoted cells may hold line breaks. */
  readonly line: number;
}

/** A longer row is taken for a quotation mark that is never closed. */
const longestRow = 1 << 24;

type Parser = ReturnType<typeof parse>;

/**
 * Parses text that arrives in pieces into rows, a batch for each piece; blank lines are skipped.
 *
 * @param name Of the file, for messages.
 * @throws UserError that names file and line of a row that is no CSV.
 */
export async function* parseCsv(
  pieces: AsyncIterable<string>,
  delimiter: string,
  name: string,
): AsyncGenerator<CsvRow[], void, undefined> {
  const parser = open(delimiter);
  // What the parser has not turned into rows yet, with the line on which it begins: the parser
  // does not say where it gave up, and loses the good rows of the piece that holds a bad one.
  let pending = '';
  let line = 1;
  const take = (): CsvRow[] => {
    const { rows, next } = number(parser.rows.splice(0), line);
    pending = dropLines(pending, next - line);
    line = next;
    return rows;
  };
  for await (const piece of pieces) {
    pending += piece;
    try {
      await write(parser.stream, piece);
    } catch {
      throw await findFault(pending, line, delimiter, name);
    }
    yield take();
    if (pending.length > longestRow) throw tooLong(name, line);
  }
  try {
    await end(parser.stream);
  } catch {
    throw await findFault(pending, line, delimiter, name);
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

/** Parses again, line by line, what held the fault, so that the message names the row's line. */
async function findFault(
  pending: string,
  from: number,
  delimiter: string,
  name: string,
): Promise<UserError> {
  const parser = open(delimiter);
  let fault: unknown;
  try {
    for (const line of pending.match(/[^\n]*\n|[^\n]+$/g) ?? []) await write(parser.stream, line);
    await end(parser.stream);
  } catch (error) {
    fault = error;
  }
  const { next } = number(parser.rows, from);
  const unclosed = fault instanceof Error && fault.message.includes('missing closing');
  return new UserError(
    `${name}, line ${next}: ` +
      (unclosed
        ? 'a quotation mark is never closed.'
        : `expected ${JSON.stringify(delimiter)} or the end of the line after a closing quotation mark.`),
  );
}

function tooLong(name: string, line: number): UserError {
  return new UserError(
    `${name}, line ${line}: this row is longer than ${longestRow} characters; is a quotation mark never closed?`,
  );
}
