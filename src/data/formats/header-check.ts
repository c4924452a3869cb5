import { UserError } from '../../errors.js';
import { chooseLayout } from './csv/csv-rows.js';
import { type CsvBatch, parseCsv } from './csv/csv.js';
import { readNumber } from './numbers.js';
import type { ExampleOptions } from './examples.js';
import { readMarkedText } from '../input/source-text.js';
import { nameSource, type Notify, type Source } from '../input/sources.js';

/**
 * Whether a first row that is taken for the names of columns is one. Where the columns are given by name
 * it has these names; where by number, anything would do.
 */

/** Rows that a first one is compared to. */
const rowsCompared = 1000;

/**
 * Looks at the first rows of CSV files whose columns are given by number.
 *
 * @param named The option that names a source.
 * @param notify Hears which names the columns have.
 * @throws UserError where the first row has a class that rows below have, too, or a number.
 */
export async function checkHeaders(
  sources: readonly Source[],
  reading: ExampleOptions,
  named: (index: number) => string,
  notify: Notify,
): Promise<void> {
  const columns = [reading.text, reading.label].filter((each) => typeof each === 'number');
  if (reading.header === false || columns.length === 0) return;
  for (const [index, source] of sources.entries()) {
    if (source.format !== 'csv' && source.format !== 'tsv') continue;
    const rows = await readStart(source, reading);
    const header = rows[0];
    if (header === undefined) continue;
    const { label, labels, decimalMark } = reading;
    // What a column of translations is called may well be one of them.
    const isTold = typeof label === 'number' && labels !== 'text';
    const name = isTold ? header[label - 1] : undefined;
    // A header that comes again, in a file put together of several, is one all the same.
    const isNumber = name !== undefined && readNumber(name, decimalMark) !== undefined;
    if (labels === 'number' && isNumber) {
      throw new UserError(
        `${named(index)}: the first row of ${nameSource(source.path)} is data, not the names of columns: ` +
          `its column ${Number(label)} is ${name}, a number as in rows below; set data.header to false.`,
      );
    }
    const others = rows.filter((cells) => cells.join('\0') !== header.join('\0'));
    if (name !== undefined && others.some((cells) => cells[Number(label) - 1] === name)) {
      throw new UserError(
        `${named(index)}: the first row of ${nameSource(source.path)} is data, not the names of columns: ` +
          `its column ${Number(label)} is ${JSON.stringify(name)}, as in rows below; set data.header to false.`,
      );
    }
    const names = columns.map((column) => `${column} ${JSON.stringify(header[column - 1] ?? '')}`);
    notify(
      `${nameSource(source.path)}: the first row is taken for the names of columns, and calls column ${names.join(' and ')}; ` +
        'if it is data, set data.header to false.',
    );
  }
}

/** The first rows; none of a file that cannot be read, which will be said where it is read. */
async function readStart(source: Source, reading: ExampleOptions): Promise<readonly string[][]> {
  const rows: string[][] = [];
  try {
    const options = { ...chooseLayout(source, reading), source };
    const pieces = readMarkedText(source, reading, { isMalformed: false });
    const batches: AsyncIterable<CsvBatch> = parseCsv(pieces, options);
    for await (const batch of batches) {
      for (const { cells, fault } of batch.rows) if (fault === undefined) rows.push([...cells]);
      if (rows.length > rowsCompared) break;
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
  return rows.slice(0, rowsCompared);
}
