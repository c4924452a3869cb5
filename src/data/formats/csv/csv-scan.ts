import { delimiters } from '../columns.js';
import type { RowOptions } from '../rows.js';
import type { Format } from '../../input/sources.js';

/**
 * Rows of CSV and TSV, cut from a text as far as it holds them whole. What is no CSV is a row with
 * a fault, and reading goes on behind the lines that may belong to its cells.
 */

/**
 * Where quotation marks stand for anything: around cells that may hold delimiters and line breaks
 * (`full`), around such that end in their line and are otherwise as they should be, so that a text
 * may begin with one (`line`), or nowhere.
 */
export type Quoting = 'full' | 'line' | 'none';

/** Texts of a TSV often begin with a quotation mark that is their own. */
export function chooseQuoting(format: Format, quote: RowOptions['quote']): Quoting {
  if (quote === undefined) return format === 'tsv' ? 'line' : 'full';
  return quote === 'auto' ? 'line' : quote === 'none' ? 'none' : 'full';
}

export interface CsvRow {
  readonly cells: string[];
  /** From 1, on which the row begins; quoted cells may hold line breaks. */
  readonly line: number;
  /** Why it is no row: a sentence that begins small. Then its cells are there as far as they can be told. */
  readonly fault?: string;
}

export interface ScanOptions {
  readonly delimiter: string;
  readonly quoting: Quoting;
  /** Whether nothing follows the text, so that its last row ends with it. */
  readonly isEnd?: boolean;
  /** Whether blank lines are rows of one empty cell; they are none by default. */
  readonly keepsBlank?: boolean;
}

export interface CsvScan {
  readonly rows: CsvRow[];
  /** Where the rows that were cut end. */
  readonly end: number;
  /** The line that begins there. */
  readonly nextLine: number;
}

const quote = 0x22;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** Cuts rows from the start of a text. */
export function scanRows(text: string, firstLine: number, options: ScanOptions): CsvScan {
  const rows: CsvRow[] = [];
  const { delimiter, quoting, isEnd = false, keepsBlank = false } = options;
  let line = firstLine;
  let start = 0;
  let nextQuote = quoting === 'none' ? Infinity : find(text, '"', 0);
  let nextReturn = find(text, '\r', 0);
  while (start < text.length) {
    const feed = find(text, '\n', start);
    const isPlain = nextQuote > feed && nextReturn >= feed - 1 && feed !== Infinity;
    const row = isPlain
      ? scanPlainRow(text, start, feed, delimiter)
      : scanRow(text, start, delimiter, quoting, isEnd);
    if (row === undefined) break;
    if ('at' in row) {
      const end = findFaultEnd(text, start, row.at, { ...options, isEnd });
      if (end === undefined) break;
      const raw = dropLineEnd(text.slice(start, end));
      const lines = countBreaks(raw);
      rows.push({ cells: tellCells(row, raw, start, delimiter), line, fault: explain(row, lines) });
      line += 1 + lines;
      start = end;
    } else {
      if (row.cells.length > 0) rows.push({ cells: row.cells, line });
      else if (keepsBlank) rows.push({ cells: [''], line });
      line += 1 + row.breaks;
      start = row.end;
    }
    if (nextQuote < start) nextQuote = find(text, '"', start);
    if (nextReturn < start) nextReturn = find(text, '\r', start);
  }
  return { rows, end: start, nextLine: line };
}

/**
 * Behind the lines that may belong to a row that is no CSV; undefined where the text does not tell. The cell may be meant as
 * it stands, and go on to where the fault shows. Or its quotation mark is a stray one: then the lines behind it are rows, of which
 * another may have begun there. Neither can be told, and what would be a row by one reading alone is none.
 */
function findFaultEnd(
  text: string,
  start: number,
  at: number,
  { delimiter, quoting, isEnd = false }: ScanOptions,
): number | undefined {
  const end = findLineEnd(text, at, isEnd);
  let next = findLineEnd(text, start, isEnd);
  while (end !== undefined && next !== undefined && next < end) {
    const row = scanRow(text, next, delimiter, quoting, isEnd);
    if (row === undefined) return undefined;
    if (!('at' in row) && row.end >= end) return row.end;
    next = 'at' in row ? findLineEnd(text, next, isEnd) : row.end;
  }
  return end;
}

/** @param lines behind its first one */
function explain({ fault, advice }: Fault, lines: number): string {
  const others = lines === 1 ? 'the line behind it' : `${lines} lines behind it`;
  return `${fault}${lines === 0 ? '' : `, and ${others} may belong to the cell`}: ${advice}.`;
}

/** The cells of a row that is no CSV; what cannot be divided is the last one, as it stands. */
function tellCells(
  { cells, from }: FaultyRow,
  raw: string,
  start: number,
  delimiter: string,
): string[] {
  const row = /[\r\n]/.test(raw) ? undefined : scanRow(raw, 0, delimiter, 'line', true);
  return row === undefined ? [...cells, raw.slice(from - start)] : row.cells;
}

function dropLineEnd(text: string): string {
  return text.replace(/(?:\r\n|\n|\r)$/, '');
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

interface Fault {
  readonly fault: string;
  readonly advice: string;
  /** Where it shows. */
  readonly at: number;
}

interface FaultyRow extends Fault {
  /** Those before the one with the fault, which begins at `from`. */
  readonly cells: string[];
  readonly from: number;
}

/** A row without quotation marks, up to its line feed. */
function scanPlainRow(text: string, start: number, feed: number, delimiter: string): ScannedRow {
  const isReturn = feed > start && text.charCodeAt(feed - 1) === carriageReturn;
  const rowEnd = isReturn ? feed - 1 : feed;
  const isBlank = skipSpace(text, start, delimiter) === rowEnd;
  const cells = isBlank ? [] : text.slice(start, rowEnd).split(delimiter);
  return { cells, end: feed + 1, breaks: 0 };
}

/** @returns undefined for a row that the text does not hold whole. */
function scanRow(
  text: string,
  start: number,
  delimiter: string,
  quoting: Quoting,
  isEnd: boolean,
): ScannedRow | FaultyRow | undefined {
  const delimiterCode = delimiter.charCodeAt(0);
  const cells: string[] = [];
  let breaks = 0;
  let isBlank = true;
  for (let at = start; ; at++) {
    const first = skipSpace(text, at, delimiter);
    if (first >= text.length && !isEnd) return undefined;
    const quoted = readQuoted(text, quoting === 'full' ? first : at, delimiter, quoting, isEnd);
    if (quoted === 'unfinished') return undefined;
    if (quoted !== undefined && 'fault' in quoted) return { ...quoted, cells, from: at };
    if (quoted !== undefined) {
      cells.push(quoted.cell);
      breaks += countBreaks(quoted.cell);
      at = quoted.end;
      isBlank = false;
    } else {
      const from = at;
      for (at = first; at < text.length; at++) {
        const code = text.charCodeAt(at);
        if (code === delimiterCode || code === lineFeed || code === carriageReturn) break;
      }
      if (at > first) isBlank = false;
      cells.push(text.slice(from, at));
    }
    if (at >= text.length && !isEnd) return undefined;
    const code = text.charCodeAt(at);
    if (code === delimiterCode) {
      isBlank = false;
      continue;
    }
    if (code === carriageReturn && at + 1 >= text.length && !isEnd) return undefined;
    const end = code === carriageReturn && text.charCodeAt(at + 1) === lineFeed ? at + 2 : at + 1;
    return {
      cells: isBlank ? [] : cells,
      end: Math.min(end, text.length),
      breaks,
    };
  }
}

/** @returns undefined where no quoted cell begins. */
function readQuoted(
  text: string,
  at: number,
  delimiter: string,
  quoting: Quoting,
  isEnd: boolean,
): { cell: string; end: number } | Fault | 'unfinished' | undefined {
  if (quoting === 'none' || text.charCodeAt(at) !== quote) return undefined;
  let close = text.indexOf('"', at + 1);
  while (close >= 0 && text.charCodeAt(close + 1) === quote) close = text.indexOf('"', close + 2);
  const inside = close < 0 ? text.slice(at + 1) : text.slice(at + 1, close);
  if (quoting === 'line' && /[\r\n]/.test(inside)) return undefined;
  if (close < 0) {
    if (!isEnd) return 'unfinished';
    return quoting === 'line'
      ? undefined
      : { fault: 'a quotation mark is never closed', advice: adviseQuote, at: text.length };
  }
  const end = quoting === 'line' ? close + 1 : skipSpace(text, close + 1, delimiter);
  // The mark may be the first of two.
  if (end >= text.length && !isEnd) return 'unfinished';
  const follows = text.charAt(end);
  if (follows !== delimiter && follows !== '\n' && follows !== '\r' && follows !== '') {
    if (quoting === 'line') return undefined;
    const expected = `expected ${JSON.stringify(delimiter)} or the end of the line after a closing quotation mark`;
    // White space is passed over, and a tab is some.
    const divides = [text.charAt(close + 1), follows].find((each) => delimiters.includes(each));
    const advice =
      divides === undefined
        ? adviseQuote
        : `if ${JSON.stringify(divides)} divides the cells, set data.delimiter to ${JSON.stringify(divides)}`;
    return { fault: expected, advice, at: end };
  }
  return { cell: inside.includes('"') ? inside.replaceAll('""', '"') : inside, end };
}

/** What may be done about quotation marks that do not stand where they should. */
export const adviseQuote = 'if quotation marks are part of the text here, set data.quote to auto';

/** Behind the end of the line that begins at `start`; undefined where the text does not tell. */
function findLineEnd(text: string, start: number, isEnd: boolean): number | undefined {
  const end = text.slice(start).search(/[\r\n]/);
  if (end < 0) return isEnd ? text.length : undefined;
  const at = start + end;
  if (text.charCodeAt(at) === lineFeed) return at + 1;
  if (at + 1 >= text.length && !isEnd) return undefined;
  return text.charCodeAt(at + 1) === lineFeed ? at + 2 : at + 1;
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
function countBreaks(text: string): number {
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
