/**
 * The rows of a CSV that are written in the usual way, cut as fast-csv cuts them, which looks at
 * every character in turn. Unusual are rows that end in a lone carriage return, and white space
 * where fast-csv drops it or takes the quotation mark behind it for the start of a cell.
 */

export interface CsvRow {
  readonly cells: string[];
  /** From 1, on which the row begins; quoted cells may hold line breaks. */
  readonly line: number;
}

export interface CsvScan {
  /** Blank lines are no rows. */
  readonly rows: CsvRow[];
  /** Where the rows that were cut end. */
  readonly end: number;
  /** The line that begins there. */
  readonly nextLine: number;
  /** Whether an unusual row follows; otherwise one that the text does not hold whole, or none. */
  readonly isUnusual: boolean;
}

const quote = 0x22;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** Cuts rows from the start of a text, as many as it holds whole up to the first unusual one. */
export function scanRows(text: string, delimiter: string, firstLine: number): CsvScan {
  const rows: CsvRow[] = [];
  let line = firstLine;
  let start = 0;
  let nextQuote = find(text, '"', 0);
  let nextReturn = find(text, '\r', 0);
  while (start < text.length) {
    const feed = find(text, '\n', start);
    const row =
      nextQuote > feed && nextReturn >= feed - 1
        ? scanPlainRow(text, start, feed, delimiter)
        : scanQuotedRow(text, start, delimiter);
    if (typeof row === 'string') {
      return { rows, end: start, nextLine: line, isUnusual: row === 'unusual' };
    }
    if (row.cells.length > 0) rows.push({ cells: row.cells, line });
    start = row.end;
    line += 1 + row.breaks;
    if (nextQuote < start) nextQuote = find(text, '"', start);
    if (nextReturn < start) nextReturn = find(text, '\r', start);
  }
  return { rows, end: start, nextLine: line, isUnusual: false };
}

function find(text: string, character: string, from: number): number {
  const index = text.indexOf(character, from);
  return index < 0 ? Infinity : index;
}

interface ScannedRow {
  readonly cells: string[];
  /** Behind its line feed. */
  readonly end: number;
  /** Line breaks within its cells. */
  readonly breaks: number;
}

type Stop = 'unusual' | 'unfinished';

/** A row without quotation marks whose line feed is known, infinite when there is none. */
function scanPlainRow(
  text: string,
  start: number,
  feed: number,
  delimiter: string,
): ScannedRow | Stop {
  if (feed === Infinity) return 'unfinished';
  const isReturn = feed > start && text.charCodeAt(feed - 1) === carriageReturn;
  const rowEnd = isReturn ? feed - 1 : feed;
  if (rowEnd === start) return { cells: [], end: feed + 1, breaks: 0 };
  if (skipSpace(text, start, delimiter) > start) {
    const first = text.charAt(skipSpace(text, start, delimiter));
    if (first === delimiter || first === '\n' || first === '\r') return 'unusual';
  }
  return { cells: text.slice(start, rowEnd).split(delimiter), end: feed + 1, breaks: 0 };
}

function scanQuotedRow(text: string, start: number, delimiter: string): ScannedRow | Stop {
  const delimiterCode = delimiter.charCodeAt(0);
  const cells: string[] = [];
  let breaks = 0;
  for (let at = start; ; at++) {
    let code = text.charCodeAt(at);
    if (code === quote) {
      const close = findClosingQuote(text, at);
      if (close < 0) return 'unfinished';
      const cell = text.slice(at + 1, close);
      breaks += countBreaks(cell);
      cells.push(cell.includes('"') ? cell.replaceAll('""', '"') : cell);
      at = close + 1;
    } else {
      const first = skipSpace(text, at, delimiter);
      if (first === text.length) return 'unfinished';
      code = text.charCodeAt(first);
      if (first > at && (code === quote || cells.length === 0)) return 'unusual';
      const from = at;
      for (at = first; at < text.length; at++) {
        code = text.charCodeAt(at);
        if (code === delimiterCode || code === lineFeed || code === carriageReturn) break;
      }
      cells.push(text.slice(from, at));
    }
    code = text.charCodeAt(at);
    if (code === delimiterCode) continue;
    if (code === carriageReturn) code = text.charCodeAt(++at);
    if (at >= text.length) return 'unfinished';
    if (code === lineFeed) return { cells, end: at + 1, breaks };
    return 'unusual';
  }
}

/** @returns −1 when the text does not tell: the quotation mark at its end may be the first of two. */
function findClosingQuote(text: string, open: number): number {
  let close = text.indexOf('"', open + 1);
  while (close >= 0 && text.charCodeAt(close + 1) === quote) close = text.indexOf('"', close + 2);
  return close + 1 < text.length ? close : -1;
}

/** The first place from `start` that is no white space, but for delimiters and ends of lines. */
function skipSpace(text: string, start: number, delimiter: string): number {
  let at = start;
  while (at < text.length && isSpace(text.charCodeAt(at)) && text[at] !== delimiter) at++;
  return at;
}

function isSpace(code: number): boolean {
  if (code === lineFeed || code === carriageReturn) return false;
  if (code < 128) return code === 0x20 || (code >= 0x09 && code <= 0x0d);
  return code >= 0xa0 && /\s/.test(String.fromCharCode(code));
}

const lineBreak = /\r\n|\n|\r/g;

/** Line breaks of any kind. */
export function countBreaks(text: string): number {
  if (!text.includes('\n') && !text.includes('\r')) return 0;
  return text.match(lineBreak)?.length ?? 0;
}

/** Where a line of a text begins, counted from 0; the text's end when it has no more lines. */
export function findLine(text: string, lines: number): number {
  const breaks = new RegExp(lineBreak);
  for (let left = lines; left > 0; left--) {
    if (breaks.exec(text) === null) return text.length;
  }
  return breaks.lastIndex;
}
