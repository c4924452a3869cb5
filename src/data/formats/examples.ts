import { UserError } from '../../errors.js';
import { readCsvRows } from './csv/csv-rows.js';
import { decodeWindows1252 } from '../input/encodings.js';
import { readJsonRows } from './json/jsonl.js';
import { readConllRows } from './tagged/conll.js';
import { readTaggedJson } from './tagged/tagged-json.js';
import { readPairRows } from './pairs/pair-rows.js';
import { RowError } from './row-error.js';
import type { readParquetRows } from './parquet/parquet-rows.js';
import {
  type FaultyRow,
  type ParsedBatch,
  type ParsedRow,
  refuseBlank,
  type RowFields,
  type RowOptions,
} from './rows.js';
import { type BytesObserver, explainEncoding, readMarkedText } from '../input/source-text.js';
import {
  type Format,
  type ListedSource,
  listSources,
  nameSource,
  type Notify,
  type Source,
  standardInput,
} from '../input/sources.js';
import { type FilePair, isFilePair, listFilePairs } from '../input/file-pairs.js';
import { readTextRows } from './text-rows.js';
import { type Decoding, dropMarks, explainMarks, isMarked } from '../input/utf8.js';
import type { Extent } from '../input/extent.js';

/** One row of a corpus, and where it stands. */
export interface Example {
  readonly text: string;
  /** The name of the class, when a label was asked for. */
  readonly label?: string;
  /** Of JSON: those of the row's labels that are written as numbers or booleans, where some are. */
  readonly literals?: readonly string[];
  /** Of each column that was asked for, a value for each token, as the tokens are. */
  readonly columns?: readonly string[];
  /** The file, as named by the user or found by a glob. */
  readonly source: string;
  /** Line of the file or extent, from 1, on which the row begins; of a Parquet file, the row. */
  readonly line: number;
  /** Rows of the file or extent up to this one, itself included; bad ones count too. */
  readonly row: number;
  /** All that the row holds, when that was asked for. */
  readonly fields?: RowFields;
}

/** A row that cannot be used. */
export interface BadRow {
  readonly source: string;
  /** As of an example; the row is 0 for a line of a text that is read as one stream. */
  readonly line: number;
  readonly row: number;
  /** A sentence that says what was expected, its first letter small; see RowError. */
  readonly reason: string;
  /** The row's text, its first 4096 characters. */
  readonly raw: string;
  readonly fields?: RowFields;
  /** Whether it is in the second of two files whose lines belong together. */
  readonly isOfTarget?: boolean;
}

export interface RowBatch {
  /** The file, as of an example: also where the batch has no rows. */
  readonly source: string;
  /** Of two files whose lines belong together: the one with the translations. */
  readonly target?: string;
  /** Of the file. */
  readonly format: Format;
  /** Of a table whose rows were asked for with all that they hold: its columns. */
  readonly columns?: readonly string[];
  readonly rows: readonly Example[];
  readonly bad: readonly BadRow[];
  /** Lines read up to the end of the batch, from the start of the file or extent. */
  readonly linesDone: number;
}

export interface ExampleOptions extends RowOptions {
  /** Of all the files; by default told from each file's extension. */
  readonly format?: Format | undefined;
  /** What files are whose names tell no format, or that of plain text: of tagged rows CoNLL columns, else the former are refused. */
  readonly otherwise?: Format | undefined;
  /** What becomes of a row that cannot be used: it ends the reading, or goes to `RowBatch.bad`. */
  readonly onBadRow?: 'error' | 'skip' | 'quarantine' | undefined;
}

/**
 * Streams the rows of files, globs or standard input (`-`), one example for each, in batches as the rows arrive: a row of
 * a CSV or Parquet file, an object of a JSONL, a line of a plain text. Bad rows are errors, or come beside the others.
 *
 * @param paths Also two lists of text files whose lines belong together.
 * @param notify Hears of files that are named more than once, and are read once.
 * @throws UserError that names file, line and column at fault.
 */
export async function* readBatches(
  paths: readonly string[] | FilePair,
  options: ExampleOptions,
  notify: Notify = () => undefined,
): AsyncGenerator<RowBatch, void, undefined> {
  const { format, tagged, otherwise = tagged === true ? 'conll' : undefined } = options;
  const request = { format, otherwise, key: 'input' };
  for (const { source } of await list()) {
    yield* readSource(source, options);
  }

  function list(): Promise<ListedSource[]> {
    if (!isFilePair(paths)) return listSources({ patterns: paths, ...request }, notify);
    const [key, keyOf] = ['input', (side: string) => side];
    return listFilePairs({ pair: paths, key, keyOf, introduce: () => '' }, notify);
  }
}

/**
 * Streams the rows of one source, or of an extent of it, in batches, one for each piece of the file
 * that is read. Lines and rows count from the start of the extent.
 *
 * @param observe Sees the extent's bytes; of a Parquet file those that are needed.
 * @throws RowError for a bad row, unless `onBadRow` says otherwise, and for text that is no CSV;
 *   UserError for what else cannot be read; BrokenExtent.
 */
export async function* readSource(
  source: Source,
  options: ExampleOptions,
  extent?: Extent,
  observe?: BytesObserver,
): AsyncGenerator<RowBatch, void, undefined> {
  const collects = options.onBadRow === 'skip' || options.onBadRow === 'quarantine';
  const { path } = source;
  const isPair = options.labels === 'text';
  const isOfFiles = source.target !== undefined;
  const decoding = { isMalformed: false };
  let row = 0;
  for await (const parsed of parseSource(source, options, decoding, extent, observe)) {
    const rows: Example[] = [];
    const bad: BadRow[] = [];
    for (const found of parsed.rows) {
      row += 1;
      const text = decoding.isMalformed ? refuseMarks(found, isOfFiles) : found;
      const each = isPair && !('reason' in text) ? refuseBlank(text, options, isOfFiles) : text;
      if (!('reason' in each)) {
        // Spelt out: copying an object takes several times as long.
        const { text, label, literals, columns, line, fields } = each;
        if (fields !== undefined || columns !== undefined) {
          rows.push({
            text,
            ...(label !== undefined && { label }),
            ...(literals && { literals }),
            ...(columns && { columns }),
            source: path,
            line,
            row,
            ...(fields && { fields }),
          });
        } else {
          rows.push(
            label === undefined
              ? { text, source: path, line, row }
              : literals === undefined
                ? { text, label, source: path, line, row }
                : { text, label, literals, source: path, line, row },
          );
        }
      } else if (collects) {
        const raw = each.raw.slice(0, longestRaw);
        const { line, reason, fields, isOfTarget } = each;
        const place = { source: path, line, row, ...(isOfTarget && { isOfTarget }) };
        bad.push({ ...place, reason, raw, ...(fields && { fields }) });
      } else {
        throw await explainFault(source, options, each);
      }
    }
    const { columns, linesDone } = parsed;
    const files = { source: path, ...(source.target && { target: source.target.path }) };
    yield { ...files, format: source.format, ...(columns && { columns }), rows, bad, linesDone };
  }
}

const longestRaw = 4096;

/** A row of which bytes were no text is none. */
function refuseMarks(row: ParsedRow, isOfFiles: boolean): ParsedRow {
  if ('reason' in row) return { ...row, reason: dropMarks(row.reason), raw: dropMarks(row.raw) };
  const marked = [row.text, row.label ?? '', ...(row.columns ?? [])].find(isMarked);
  if (marked === undefined) return row;
  const reason = `${explainMarks(marked, decodeWindows1252)}.`;
  const isOfTarget = isOfFiles && !isMarked(row.text);
  const raw = dropMarks(isOfTarget ? (row.label ?? '') : row.text);
  return {
    line: row.line,
    reason,
    raw,
    isMalformed: true,
    ...(isOfTarget && { isOfTarget }),
    ...(row.fields && { fields: row.fields }),
  };
}

/** Of bytes that are no text the whole file tells more than the row. */
async function explainFault(
  source: Source,
  options: RowOptions,
  { line, reason, isMalformed = false, isOfTarget = false }: FaultyRow,
): Promise<UserError> {
  const isReadAgain = isMalformed && source.format !== 'parquet' && source.path !== standardInput;
  const file = (isOfTarget && source.target) || source;
  return isReadAgain
    ? explainEncoding(file, options)
    : new RowError(file, line, reason, isOfTarget);
}

function parseSource(
  source: Source,
  options: RowOptions,
  decoding: Decoding,
  extent?: Extent,
  observe?: BytesObserver,
): AsyncGenerator<ParsedBatch, void, undefined> {
  const readPieces = (): AsyncGenerator<string, void, undefined> =>
    readMarkedText(source, options, decoding, extent, observe);
  const readBefore = (part: Extent | undefined): AsyncIterable<string> | undefined =>
    part && readMarkedText(source, options, { isMalformed: false }, { start: 0, end: part.start });
  if (source.target !== undefined) {
    return readPairRows(source, source.target, options, decoding, extent, observe);
  }
  switch (source.format) {
    case 'csv':
    case 'tsv':
      return readCsvRows(source, options, decoding, extent, observe);
    case 'jsonl':
      return options.tagged === true
        ? readTaggedJson(readPieces(), source, options)
        : readJsonRows(readPieces(), source, options);
    case 'text':
      if (options.label !== undefined && options.mayLackLabel !== true)
        throw explainNoLabels(source, options);
      return readTextRows(readPieces(), source, options);
    case 'conll':
      return readConllRows(readPieces(), source, options, readBefore(extent));
    case 'parquet':
      return readParquet(source, options, decoding, extent, observe);
  }
}

/** What reads Parquet is loaded where there is some: most workers start for other files. */
async function* readParquet(
  ...args: Parameters<typeof readParquetRows>
): AsyncGenerator<ParsedBatch, void, undefined> {
  const { readParquetRows } = await import('./parquet/parquet-rows.js');
  yield* readParquetRows(...args);
}

function explainNoLabels({ path }: Source, { labels }: ExampleOptions): UserError {
  const isOfPairs = labels === 'text';
  return new UserError(
    `${nameSource(path)} is plain text, which has no ${isOfPairs ? 'translations' : 'labels'}: ` +
      `expected a CSV, TSV, JSONL or Parquet file${isOfPairs ? ', or { source, target }, two text files whose lines belong together' : ''}.`,
  );
}
