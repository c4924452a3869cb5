import { UserError } from '../../../errors.js';
import type { ColumnKey } from '../columns.js';
import { joinLabels } from '../label-sets.js';
import { isBlank } from '../lines.js';
import { markNumber } from '../numbers.js';
import { ColumnReader } from './column-reader.js';
import { ParquetFile } from './parquet.js';
import { findStringLists, formatObject, type KeptColumn, listKept } from './parquet-kept.js';
import type { ParquetColumn } from './parquet-schema.js';
import { chooseText, isText, type ToText } from './parquet-text.js';
import {
  columnKeys,
  explainNoLabel,
  type ParsedBatch,
  type ParsedRow,
  type RowOptions,
} from '../rows.js';
import type { BytesObserver } from '../../input/source-text.js';
import type { Source } from '../../input/sources.js';
import type { Decoding } from '../../input/utf8.js';
import type { Extent } from '../../input/extent.js';

/** Of a batch: a page may have millions. */
const batchRows = 4096;

/**
 * Reads the rows of a Parquet file; instead of a line they have the row's number.
 *
 * @param extent Row groups.
 * @throws UserError for a missing column, one of another type and damaged data.
 */
export async function* readParquetRows(
  source: Source,
  options: RowOptions,
  decoding: Decoding,
  extent?: Extent,
  observe?: BytesObserver,
): AsyncGenerator<ParsedBatch, void, undefined> {
  const file = await ParquetFile.open(source.path);
  try {
    const text = findColumn(file, options.text, columnKeys(options).text);
    const toText = requireText(text, file.path, 'strings', isText, decoding);
    const lists = findLists(file, options, decoding);
    const label = lists ? undefined : findLabel(file, options);
    const [types, isWanted] =
      options.labels === 'text' ? (['strings', isText] as const) : ([labelTypes, isAny] as const);
    const toPlain = label && requireText(label, file.path, types, isWanted, decoding);
    const toLabel = label && toPlain && markNumbers(label, toPlain, options);
    const others = options.keep === true ? listKept(file, decoding) : [];
    const { start, end } = extent ?? { start: 0, end: file.groups };
    let done = 0;
    if (options.keep === true) {
      yield { rows: [], columns: others.map(({ name }) => name), linesDone: 0 };
    }
    for (let group = start; group < end; group++) {
      const texts = new ColumnReader(file.readColumn(group, text, toText, observe));
      const labels = lists
        ? new ColumnReader<string | null | undefined>(lists.read(group, observe))
        : label && toLabel && new ColumnReader(file.readColumn(group, label, toLabel, observe));
      const kept = others.map(({ read }) => new ColumnReader(read(group, observe)));
      try {
        for (let left = file.rowsOf(group); left > 0; left -= batchRows) {
          const count = Math.min(left, batchRows);
          const textValues = await texts.take(count);
          const labelValues = await labels?.take(count);
          const keptValues: string[][] = [];
          for (const each of kept) keptValues.push(await each.take(count));
          const first = done + 1;
          done += count;
          const rows = textValues.map((value, i) => {
            const row = parseRow(
              first + i,
              value,
              options,
              labelValues && { value: labelValues[i], isList: lists !== undefined },
            );
            if (options.keep !== true) return row;
            const json = formatObject(others, (column) => keptValues[column]![i]!);
            return { ...row, fields: { json } };
          });
          yield { rows, linesDone: done };
        }
      } finally {
        await texts.close();
        await labels?.close();
        for (const each of kept) await each.close();
      }
    }
  } finally {
    await file.close();
  }
}

function findColumn(file: ParquetFile, column: string | number, key: ColumnKey): ParquetColumn {
  if (typeof column === 'string') return file.findColumn(column, key);
  throw new UserError(
    `${file.path}: expected the name of a column in ${key}, got the number ${column}.`,
  );
}

function findLabel(file: ParquetFile, options: RowOptions): ParquetColumn | undefined {
  const { label, mayLackLabel = false } = options;
  if (label === undefined) return undefined;
  const isThere = file.plainColumns.some(({ path }) => path.join('.') === label);
  return mayLackLabel && !isThere ? undefined : findColumn(file, label, columnKeys(options).label);
}

/** Where rows may have several labels: the column that lists them, if it is such. */
function findLists(
  file: ParquetFile,
  { label, labelSeparator }: RowOptions,
  decoding: Decoding,
): KeptColumn | undefined {
  if (labelSeparator === undefined || typeof label !== 'string') return undefined;
  return findStringLists(file, label, decoding);
}

const isAny = (): boolean => true;
const labelTypes = 'strings, numbers, booleans or times';

/** @throws UserError for a column whose values are not what is wanted. */
function requireText(
  { path, element }: ParquetColumn,
  file: string,
  wanted: string,
  isWanted: (element: ParquetColumn['element']) => boolean,
  decoding: Decoding,
): ToText {
  const toText = isWanted(element) ? chooseText(element, decoding) : undefined;
  if (toText !== undefined) return toText;
  const kind = element.logical_type?.type ?? element.converted_type ?? element.type ?? 'struct';
  throw new UserError(
    `${file}: expected ${wanted} in the column ${JSON.stringify(path.join('.'))}, which is of type ${kind}.`,
  );
}

/** Numbers that are such in the file, as texts with the mark would write them. */
function markNumbers(
  { element }: ParquetColumn,
  toText: ToText,
  { decimalMark }: RowOptions,
): ToText {
  if (decimalMark === undefined || isText(element)) return toText;
  return (value) => markNumber(toText(value), decimalMark);
}

function parseRow(
  line: number,
  text: string | null | undefined,
  options: RowOptions,
  label: { value: string | null | undefined; isList: boolean } | undefined,
): ParsedRow {
  const fault = (reason: string): ParsedRow => {
    return { line, reason, raw: JSON.stringify({ text, label: label?.value }) };
  };
  if (typeof text !== 'string') {
    return fault(`expected a string in the column ${JSON.stringify(options.text)}, found nothing.`);
  }
  if (label === undefined) return { line, text };
  const joined = label.isList ? joinItems(label.value!, options) : { cell: label.value ?? '' };
  if ('odd' in joined) {
    const reason = `expected a list of labels in the column ${JSON.stringify(options.label)}, found in it ${joined.odd}.`;
    return options.keep === true ? { line, text } : fault(reason);
  }
  const name = joined.cell;
  // No label is a set of labels, too.
  const isSet = options.labelSeparator !== undefined;
  if (options.keep === true && isBlank(name) && !isSet) return { line, text };
  const reason = options.keep === true ? undefined : explainNoLabel(name, options);
  return reason === undefined ? { line, text, label: name } : fault(reason);
}

/** @param json of a list, or null */
function joinItems(json: string, { labelSeparator }: RowOptions): ReturnType<typeof joinLabels> {
  return joinLabels((JSON.parse(json) as (string | null)[] | null) ?? [], labelSeparator!);
}
