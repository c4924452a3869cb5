import { UserError } from '../errors.js';
import type { Extent } from './extents.js';
import { isBlank } from './lines.js';
import { ParquetFile } from './parquet.js';
import type { ParquetColumn } from './parquet-values.js';
import { explainNoClass, type ParsedBatch, type ParsedRow, type RowOptions } from './rows.js';
import type { BytesObserver } from './source-text.js';
import type { Source } from './sources.js';

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
  extent?: Extent,
  observe?: BytesObserver,
): AsyncGenerator<ParsedBatch, void, undefined> {
  const file = await ParquetFile.open(source.path);
  try {
    const text = findColumn(file, options.text);
    requireStrings(text, file.path);
    const label = findLabel(file, options);
    const others = options.keep === true ? file.plainColumns : [];
    const { start, end } = extent ?? { start: 0, end: file.groups };
    let done = 0;
    for (let group = start; group < end; group++) {
      const texts = new ColumnReader(file.readColumn(group, text, observe));
      const labels = label && new ColumnReader(file.readColumn(group, label, observe));
      const kept = others.map(
        (column) => new ColumnReader(file.readColumn(group, column, observe)),
      );
      try {
        for (let left = file.rowsOf(group); left > 0; left -= batchRows) {
          const count = Math.min(left, batchRows);
          const textValues = await texts.take(count);
          const labelValues = await labels?.take(count);
          const keptValues: unknown[][] = [];
          for (const each of kept) keptValues.push(await each.take(count));
          const first = done + 1;
          done += count;
          const rows = textValues.map((value, i) => {
            const row = parseRow(
              first + i,
              value,
              options,
              labelValues && { value: labelValues[i] },
            );
            if (options.keep !== true) return row;
            const json = formatObject(others, (column) => keptValues[column]![i]);
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

function findColumn(file: ParquetFile, column: string | number): ParquetColumn {
  if (typeof column === 'string') return file.findColumn(column);
  throw new UserError(`${file.path}: expected the name of a column, got the number ${column}.`);
}

function findLabel(
  file: ParquetFile,
  { label, mayLackLabel = false }: RowOptions,
): ParquetColumn | undefined {
  if (label === undefined) return undefined;
  const isThere = file.plainColumns.some(({ path }) => path.join('.') === label);
  return mayLackLabel && !isThere ? undefined : findColumn(file, label);
}

/** A row as the text of a JSON object. */
function formatObject(
  columns: readonly ParquetColumn[],
  valueOf: (column: number) => unknown,
): string {
  const members = columns.map(
    ({ path }, i) => `${JSON.stringify(path.join('.'))}:${formatValue(valueOf(i))}`,
  );
  return `{${members.join(',')}}`;
}

/** A value as JSON; numbers of any size with all their digits. */
function formatValue(value: unknown): string {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString('base64'));
  return value === undefined ? 'null' : JSON.stringify(value);
}

function requireStrings({ path, element }: ParquetColumn, file: string): void {
  if (element.type === 'BYTE_ARRAY' && element.converted_type !== 'DECIMAL') return;
  const kind = element.logical_type?.type ?? element.converted_type ?? element.type ?? 'struct';
  throw new UserError(
    `${file}: expected strings in the column ${JSON.stringify(path.join('.'))}, which is of type ${kind}.`,
  );
}

function parseRow(
  line: number,
  text: unknown,
  options: RowOptions,
  label: { value: unknown } | undefined,
): ParsedRow {
  const fault = (reason: string): ParsedRow => {
    return { line, reason, raw: JSON.stringify({ text, label: label && String(label.value) }) };
  };
  if (typeof text !== 'string') {
    return fault(`expected a string in the column ${JSON.stringify(options.text)}, found nothing.`);
  }
  if (label === undefined) return { line, text };
  const name = nameClass(label.value);
  if (options.keep === true && (name === undefined || isBlank(name))) return { line, text };
  if (name === undefined) {
    return fault(
      `expected a string, a number or a boolean as the class in the column ${JSON.stringify(options.label)}.`,
    );
  }
  return isBlank(name) ? fault(explainNoClass(options.label!)) : { line, text, label: name };
}

/** @returns undefined for what is no name. */
function nameClass(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return value;
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value);
    default:
      if (value === null) return '';
      return value instanceof Date && !Number.isNaN(value.getTime())
        ? value.toISOString()
        : undefined;
  }
}

/** Takes exact numbers of values from pages of any size. */
class ColumnReader {
  readonly #pages: AsyncGenerator<unknown[], void, undefined>;
  #page: unknown[] = [];
  #next = 0;

  constructor(pages: AsyncGenerator<unknown[], void, undefined>) {
    this.#pages = pages;
  }

  /** @throws UserError when there are fewer. */
  async take(count: number): Promise<unknown[]> {
    const taken: unknown[] = [];
    while (taken.length < count) {
      if (this.#next === this.#page.length) {
        const page = await this.#pages.next();
        // The pages' end is an error of its own when rows are missing.
        if (page.done === true) break;
        this.#page = page.value;
        this.#next = 0;
      }
      const end = Math.min(this.#page.length, this.#next + count - taken.length);
      for (; this.#next < end; this.#next++) taken.push(this.#page[this.#next]);
    }
    return taken;
  }

  close(): Promise<unknown> {
    return this.#pages.return();
  }
}
