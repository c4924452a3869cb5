import { stat } from 'node:fs/promises';
import { UserError } from '../../../errors.js';
import {
  adviseDelimiter,
  type ColumnKey,
  findColumn,
  refuseSameColumn,
  refuseSeparatorLine,
} from '../columns.js';
import { type CsvBatch, openRowTexts, parseCsv } from './csv.js';
import { adviseQuote, chooseQuoting, type CsvRow, type Quoting } from './csv-scan.js';
import { isBlank } from '../lines.js';
import { RowError } from '../row-error.js';
import {
  columnKeys,
  explainNoLabel,
  type ParsedBatch,
  type ParsedRow,
  type RowOptions,
} from '../rows.js';
import { type BytesObserver, readMarkedText } from '../../input/source-text.js';
import { nameSource, type Source } from '../../input/sources.js';
import type { Decoding } from '../../input/utf8.js';
import type { Extent } from '../../input/extent.js';
import { counted } from '../../../system/counted.js';

/** Where the columns stand in every row. */
interface Columns {
  readonly width: number;
  readonly text: number;
  readonly label?: number;
  /** As the header writes them, or made of their numbers. */
  readonly names: readonly string[];
}

/**
 * Reads the rows of a CSV or TSV. An extent that does not begin the file takes the columns from the
 * file's first row.
 *
 * @throws UserError for a missing column; RowError where the text is no CSV; BrokenExtent.
 */
export async function* readCsvRows(
  source: Source,
  options: RowOptions,
  decoding: Decoding,
  extent?: Extent,
  observe?: BytesObserver,
): AsyncGenerator<ParsedBatch, void, undefined> {
  let columns = extent && (await readColumns(source, options, extent.start));
  const goesOn = extent !== undefined && extent.end < (await stat(source.path)).size;
  const pieces = readMarkedText(source, options, decoding, extent, observe);
  const { delimiter, quoting } = chooseLayout(source, options);
  const layout = { delimiter, quoting, keepsBlank: options.everyLine === true };
  for await (const batch of parseCsv(pieces, { ...layout, source, goesOn })) {
    const isStart = columns === undefined && batch.rows.length > 0;
    if (isStart) columns = placeColumns(widened(batch.rows[0]!, options), source, options);
    const from = isStart && hasHeader(options) ? 1 : 0;
    const rows = columns === undefined ? [] : readBatch(batch, from, columns, options, delimiter);
    const kept = options.keep === true && columns && { columns: columns.names };
    yield { rows, ...kept, linesDone: batch.nextLine - 1 };
  }
}

/** The columns as the first row before `end` has them; undefined when there is no row. */
async function readColumns(
  source: Source,
  options: RowOptions,
  end: number,
): Promise<Columns | undefined> {
  if (end === 0) return undefined;
  const pieces = readMarkedText(source, options, { isMalformed: false }, { start: 0, end });
  for await (const { rows } of parseCsv(pieces, { ...chooseLayout(source, options), source })) {
    if (rows.length > 0) return placeColumns(rows[0]!, source, options);
  }
  return undefined;
}

/** What stands between the cells of a source. */
function chooseDelimiter({ format }: Source, { delimiter }: RowOptions): string {
  return delimiter ?? (format === 'tsv' ? '\t' : ',');
}

/** How the cells of a source are told. */
export function chooseLayout(
  source: Source,
  options: RowOptions,
): { delimiter: string; quoting: Quoting } {
  return {
    delimiter: chooseDelimiter(source, options),
    quoting: chooseQuoting(source.format, options.quote),
  };
}

/** The first row, with all cells that are asked for: where every line is a row, one with less is at fault itself. */
function widened(row: CsvRow, { everyLine, text, label }: RowOptions): CsvRow {
  const asked = [text, label].map((column) => toNumber(column ?? 1));
  if (everyLine !== true || row.fault !== undefined) return row;
  const width = Math.max(row.cells.length, ...asked.filter((each) => typeof each === 'number'));
  return { ...row, cells: Array.from({ length: width }, (_, i) => row.cells[i] ?? '') };
}

function hasHeader({ header = true }: RowOptions): boolean {
  return header;
}

function placeColumns(
  { cells, line, fault }: CsvRow,
  source: Source,
  options: RowOptions,
): Columns {
  if (fault !== undefined) throw new RowError(source, line, fault);
  refuseSeparatorLine(cells, nameSource(source.path));
  const names = cells.map((name) => name.trim());
  const place = (given: string | number, key: ColumnKey): number => {
    const column = hasHeader(options) ? given : toNumber(given);
    if (typeof column === 'number') {
      if (hasHeader(options)) requireNoName(names, column, source);
      if (column >= 1 && column <= names.length) return column - 1;
      const advice = adviseDelimiter(names);
      throw new UserError(
        `${nameSource(source.path)} has ${counted(names.length, 'column')}: expected ${names.length === 1 ? '1' : `a number from 1 to ${names.length}`} as ${key}, got ${column}` +
          `${advice === undefined ? '' : `; ${advice}`}.`,
      );
    }
    if (hasHeader(options)) return findColumn(names, column, nameSource(source.path), key);
    throw new UserError(
      `${nameSource(source.path)} is read without a header: expected the number of a column as ${key}, got ${JSON.stringify(column)}.`,
    );
  };
  const keys = columnKeys(options);
  const text = place(options.text, keys.text);
  const label = options.label !== undefined && placeLabel(options.label);
  return {
    width: names.length,
    text,
    ...(typeof label === 'number' && { label }),
    names: hasHeader(options) ? cells : cells.map((_, i) => `column_${i + 1}`),
  };

  function placeLabel(given: string | number): number | undefined {
    if (options.mayLackLabel !== true) {
      const found = place(given, keys.label);
      if (found === text) refuseSameColumn(nameSource(source.path), keys, given);
      return found;
    }
    const column = hasHeader(options) ? given : toNumber(given);
    const isThere = typeof column === 'number' ? column <= names.length : names.includes(column);
    const found = isThere ? place(column, keys.label) : undefined;
    return found === text ? undefined : found;
  }
}

/** A number may be meant as a name. */
function requireNoName(names: readonly string[], column: number, { path }: Source): void {
  const named = names.indexOf(String(column));
  if (named < 0 || named === column - 1) return;
  throw new UserError(
    `${nameSource(path)}: the column ${column} may be the ${column}. one, ${JSON.stringify(names[column - 1] ?? '')}, or the one named "${column}": ` +
      'name it in quotation marks.',
  );
}

/** Without a header a column is a number, in whatever way that is written. */
function toNumber(column: string | number): string | number {
  return typeof column === 'string' && /^[1-9]\d{0,8}$/.test(column) ? Number(column) : column;
}

function readBatch(
  batch: CsvBatch,
  from: number,
  { width, text, label, names }: Columns,
  options: RowOptions,
  delimiter: string,
): ParsedRow[] {
  const rows: ParsedRow[] = [];
  const keep = options.keep === true;
  // No label is a set of labels, too.
  const isSet = options.labelSeparator !== undefined;
  let rowText: ((row: number) => string) | undefined;
  for (let i = from; i < batch.rows.length; i++) {
    const { cells, line, fault } = batch.rows[i]!;
    const reason = fault ?? findFault(cells);
    if (reason !== undefined) {
      rowText ??= openRowTexts(batch);
      const fields = keep && { columns: names, cells: fitCells(cells, width, delimiter) };
      rows.push({ line, reason, raw: rowText(i), ...(fields && { fields }) });
    } else if (keep) {
      const isGiven = label !== undefined && (isSet || !isBlank(cells[label]!));
      const found = isGiven ? cells[label] : undefined;
      const fields = { columns: names, cells };
      rows.push({ line, text: cells[text]!, ...(found !== undefined && { label: found }), fields });
    } else if (label === undefined) {
      rows.push({ line, text: cells[text]! });
    } else {
      rows.push({ line, text: cells[text]!, label: cells[label]! });
    }
  }
  return rows;

  /** A single cell may be a text like any other. A joined file may begin with a byte order mark, which is white space. */
  function isHeader(cells: readonly string[]): boolean {
    if (width < 2 || !hasHeader(options) || cells[text]!.trim() !== names[text]!.trim())
      return false;
    return cells.every((cell, i) => cell.trim() === names[i]!.trim());
  }

  function findFault(cells: readonly string[]): string | undefined {
    if (cells.length !== width && options.everyLine === true) {
      const between = delimiter === '\t' ? 'a tab' : JSON.stringify(delimiter);
      return `expected ${width} cells with ${between} between them, found ${cells.join('').trim() === '' ? 'an empty line' : cells.length}.`;
    }
    if (cells.length !== width) {
      const like = hasHeader(options) ? 'in the header' : 'in the first row';
      const spans = cells.some((cell) => /[\r\n]/.test(cell));
      const advice = spans ? `; a quoted cell goes over several lines: ${adviseQuote}` : '';
      return `expected ${width} cells as ${like}, found ${cells.length}${advice}.`;
    }
    if (isHeader(cells)) {
      return 'this row repeats the header: are several files joined? Each of them is read by itself.';
    }
    return label === undefined || keep ? undefined : explainNoLabel(cells[label]!, options);
  }
}

/** Of a row that has too few or too many: the last column holds what is beyond it, too. */
function fitCells(cells: readonly string[], width: number, delimiter: string): string[] {
  const last = width - 1;
  return Array.from({ length: width }, (_, i) =>
    i === last ? cells.slice(last).join(delimiter) : (cells[i] ?? ''),
  );
}
