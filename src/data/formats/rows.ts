import type { ColumnKey } from './columns.js';
import { explainNoSet } from './label-sets.js';
import { isBlank } from './lines.js';
import { type DecimalMark, readNumber } from './numbers.js';
import type { Encoding } from '../input/encodings.js';

/** What all formats' readers give. */

/** How the rows of a source are laid out. */
export interface RowOptions {
  /** Column or field that holds the text: its name or path; of a CSV also its number, from 1. */
  readonly text: string | number;
  /** Column or field that holds the label; when absent, rows have no label. */
  readonly label?: string | number | undefined;
  /** What a row's label is; a class by default. With a `text` rows are pairs, no side of which may be empty. */
  readonly labels?: 'class' | 'number' | 'text' | undefined;
  /** Where rows may have any number of labels, none too: what stands between them. Then a list may hold them as well. */
  readonly labelSeparator?: string | undefined;
  /**
   * Of labels that are numbers: what stands before their decimals, where commas, points or blanks may part thousands. What is a number in the file
   * is told as it would be written by that mark.
   */
  readonly decimalMark?: DecimalMark | undefined;
  /** Of rows that are tokens: further columns or fields with a value for each token. */
  readonly columns?: readonly (string | number)[] | undefined;
  /** Whether rows are tokens with a tag each: `text` and `label` name them, and the row's text is a token a line. */
  readonly tagged?: boolean | undefined;
  /** What stands between the cells of a CSV; by default a comma, in a TSV a tab. */
  readonly delimiter?: string | undefined;
  /**
   * What quotation marks of a CSV stand for: around any cell (`"`, by default but in a TSV), around
   * cells that end in their line (`auto`, by default in a TSV), or for themselves (`none`).
   */
  readonly quote?: '"' | 'auto' | 'none' | undefined;
  /** Whether the first row of a CSV names its columns, which it does by default. */
  readonly header?: boolean | undefined;
  /** By default what the byte order mark says, else UTF-8. */
  readonly encoding?: Encoding | undefined;
  /** What a row of a plain text is; a line by default. */
  readonly textUnit?: 'line' | 'paragraph' | 'whole' | undefined;
  /**
   * Whether each row comes with all that it holds, for those who hand it on. Every line of a text is a
   * row then, and a row may be without a label.
   */
  readonly keep?: boolean | undefined;
  /** Whether every line of a CSV without a header is a row, a blank one, too, so that each has its answer. */
  readonly everyLine?: boolean | undefined;
  /** Whether the files may be without the label's column. */
  readonly mayLackLabel?: boolean | undefined;
}

/** All that a row holds: cells under columns, an object as it stands in a JSONL, or lines of CoNLL columns. */
export type RowFields = TableFields | ObjectFields | LineFields;

export interface TableFields {
  /** The same array for all rows of a file. */
  readonly columns: readonly string[];
  readonly cells: readonly string[];
}

export interface ObjectFields {
  readonly json: string;
  /** Of rows that are tokens: names of the fields that the row is not made of. */
  readonly beside?: readonly string[];
}

export interface LineFields {
  /** That stand before the sentence and belong to none, such as `-DOCSTART-`. */
  readonly before: readonly string[];
  readonly lines: readonly string[];
}

/** A row, or why it is none. */
export type ParsedRow = GoodRow | FaultyRow;

export interface GoodRow {
  /** From 1, of the extent; of a Parquet file, the row. */
  readonly line: number;
  readonly text: string;
  readonly label?: string;
  /** Of JSON: those of the row's labels that are written as numbers or booleans, where some are. */
  readonly literals?: readonly string[];
  /** Of each column that is asked for, a text for each token. */
  readonly columns?: readonly string[];
  readonly fields?: RowFields;
}

export interface FaultyRow {
  readonly line: number;
  /** A sentence that says what was expected, its first letter small. */
  readonly reason: string;
  /** The row's text. */
  readonly raw: string;
  /** As far as they can be told. */
  readonly fields?: RowFields;
  /** Whether the reason are bytes that are no text. */
  readonly isMalformed?: boolean;
  /** Whether it is in the second of two files whose lines belong together. */
  readonly isOfTarget?: boolean;
}

/** The options that name the columns. */
export function columnKeys({ labels }: Pick<RowOptions, 'labels'>): {
  text: ColumnKey;
  label: ColumnKey;
} {
  return labels === 'text'
    ? { text: 'data.source', label: 'data.target' }
    : { text: 'data.text', label: 'data.label' };
}

export interface ParsedBatch {
  readonly rows: readonly ParsedRow[];
  /** See `RowBatch`. */
  readonly columns?: readonly string[];
  /** Lines read up to the end of the batch, from the start of the extent. */
  readonly linesDone: number;
}

/** Characters of a cell that a message shows. */
const shown = 40;

/** Why a cell holds no label, or no set of them; undefined where it holds one. */
export function explainNoLabel(
  cell: string,
  {
    label,
    labels,
    labelSeparator,
    decimalMark,
  }: Pick<RowOptions, 'label' | 'labels' | 'labelSeparator' | 'decimalMark'>,
): string | undefined {
  // Of a pair both sides are looked at together: see `refuseBlank`.
  if (labels === 'text') return undefined;
  const where = nameColumn(label!);
  if (labelSeparator !== undefined) {
    const odd = explainNoSet(cell, labelSeparator);
    return odd && `expected labels in ${where}, found ${odd}`;
  }
  const isNumber = labels === 'number';
  if (isBlank(cell)) {
    return `expected ${isNumber ? 'a number' : 'the name of a class'} in ${where}, found nothing.`;
  }
  if (!isNumber || readNumber(cell, decimalMark) !== undefined) return undefined;
  const other = (['.', ','] as const).find((mark) => readNumber(cell, mark) !== undefined);
  const advice = other && ` (which would be one with data.decimalMark: '${other}')`;
  return `expected a number that float32 can hold in ${where}, found ${JSON.stringify(cell.slice(0, shown))}${advice ?? ''}.`;
}

/** A pair as a row, unless one side of it is blank. */
export function refuseBlank(
  row: GoodRow,
  { text: textColumn, label: labelColumn }: Pick<RowOptions, 'text' | 'label'>,
  isOfFiles: boolean,
): ParsedRow {
  const { text, label = '', line, fields } = row;
  const isOfTarget = !isBlank(text);
  const isBoth = !isOfTarget && isBlank(label);
  if (isOfTarget && !isBlank(label)) return row;
  const column = isOfTarget ? labelColumn! : textColumn;
  const reason = isBoth
    ? `expected a text and its translation, found ${isOfFiles ? 'an empty line in both files' : 'neither'}; data.onBadRow: skip leaves such rows out.`
    : isOfFiles
      ? 'expected a text, because the line of the other file has one to go with it, found an empty line.'
      : `expected a text in ${nameColumn(column)}, found nothing.`;
  const raw = isOfTarget ? text : label;
  return { line, reason, raw, ...(isOfFiles && { isOfTarget }), ...(fields && { fields }) };
}

function nameColumn(column: string | number): string {
  return typeof column === 'number' ? `column ${column}` : JSON.stringify(column);
}
