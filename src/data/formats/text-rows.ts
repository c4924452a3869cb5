import { hasLoneReturn, isBlank, type Line, loneReturn, splitLines } from './lines.js';
import { RowError } from './row-error.js';
import type { ParsedBatch, ParsedRow, RowOptions } from './rows.js';
import type { Source } from '../input/sources.js';

/**
 * Reads the rows of a plain text: lines, paragraphs (lines up to a blank one, with the line feeds
 * between them) or the whole. Blank ones are skipped.
 *
 * @param pieces The text of the source.
 */
export function readTextRows(
  pieces: AsyncIterable<string>,
  source: Source,
  { textUnit = 'line', keep = false }: RowOptions,
): AsyncGenerator<ParsedBatch, void, undefined> {
  switch (textUnit) {
    case 'line':
      return keep ? withFields(readLines(pieces, source, true)) : readLines(pieces, source, false);
    case 'paragraph':
      return keep ? withFields(readParagraphs(pieces, source)) : readParagraphs(pieces, source);
    case 'whole':
      return keep ? withFields(readWhole(pieces, source)) : readWhole(pieces, source);
  }
}

const columns = ['text'];

async function* withFields(
  batches: AsyncIterable<ParsedBatch>,
): AsyncGenerator<ParsedBatch, void, undefined> {
  for await (const { rows, linesDone } of batches) {
    yield {
      rows: rows.map((row) => {
        const cells = ['reason' in row ? row.raw : row.text];
        return { ...row, fields: { columns, cells } };
      }),
      linesDone,
    };
  }
}

async function* readLines(
  pieces: AsyncIterable<string>,
  source: Source,
  keepsBlank: boolean,
): AsyncGenerator<ParsedBatch, void, undefined> {
  for await (const { lines, linesDone } of splitLines(pieces, source)) {
    const kept = keepsBlank ? lines : lines.filter(({ text }) => !isBlank(text));
    yield { rows: kept.map(expectOneLine), linesDone };
  }
}

/** The line itself as a rule: copies would cost more than all else. */
function expectOneLine(row: Line): ParsedRow {
  return hasLoneReturn(row.text) ? { line: row.line, reason: loneReturn, raw: row.text } : row;
}

async function* readParagraphs(
  pieces: AsyncIterable<string>,
  source: Source,
): AsyncGenerator<ParsedBatch, void, undefined> {
  const paragraph = new OpenRow(source, 'paragraph');
  let linesDone = 0;
  for await (const batch of splitLines(pieces, source)) {
    const rows: ParsedRow[] = [];
    for (const { text, line } of batch.lines) {
      if (!isBlank(text)) paragraph.append(text, line);
      else rows.push(...paragraph.finish());
    }
    linesDone = batch.linesDone;
    yield { rows, linesDone };
  }
  yield { rows: paragraph.finish(), linesDone };
}

async function* readWhole(
  pieces: AsyncIterable<string>,
  source: Source,
): AsyncGenerator<ParsedBatch, void, undefined> {
  const whole = new OpenRow(source, 'text');
  let linesDone = 0;
  for await (const batch of splitLines(pieces, source)) {
    for (const { text, line } of batch.lines) whole.append(text, line);
    linesDone = batch.linesDone;
  }
  yield { rows: whole.finish(), linesDone };
}

const longestRow = 1 << 26;

/** A row of several lines that is being read. */
class OpenRow {
  #lines: string[] = [];
  #length = 0;
  #firstLine = 0;

  constructor(
    readonly source: Source,
    readonly what: 'paragraph' | 'text',
  ) {}

  append(text: string, line: number): void {
    if (this.#lines.length === 0) this.#firstLine = line;
    this.#lines.push(text);
    this.#length += text.length + 1;
    if (this.#length <= longestRow) return;
    throw new RowError(
      this.source,
      this.#firstLine,
      `this ${this.what} is longer than ${longestRow} characters: set data.textUnit to a smaller unit.`,
    );
  }

  finish(): ParsedRow[] {
    const lines = this.#lines.splice(0);
    const text = lines.join('\n');
    this.#length = 0;
    if (isBlank(text)) return [];
    // The whole is one row however its lines end.
    const broken = this.what === 'paragraph' ? lines.findIndex(hasLoneReturn) : -1;
    if (broken < 0) return [{ text, line: this.#firstLine }];
    return [{ line: this.#firstLine + broken, reason: loneReturn, raw: text }];
  }
}
