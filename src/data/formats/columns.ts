import { UserError } from '../../errors.js';
import { listNames, suggest } from '../input/names.js';

/** The option that names a column. */
export type ColumnKey =
  'data.text' | 'data.label' | 'data.source' | 'data.target' | 'model.features';

/** What usually divides the cells of tables. */
export const delimiters = [';', '\t', '|', ','];

const separatorLine = /^\uFEFF?sep=(.?)$/i;

/** Whether a first row is a line for spreadsheets, `sep=;`, and neither a header nor data. */
export function isSeparatorLine([first = '', ...others]: readonly string[]): boolean {
  return separatorLine.test(first.trim()) && others.every((cell) => cell === '');
}

/** @throws UserError for a first row that is a line for spreadsheets */
export function refuseSeparatorLine(row: readonly string[], name: string): void {
  if (!isSeparatorLine(row)) return;
  const delimiter = JSON.stringify(separatorLine.exec(row[0]!.trim())![1] || ';');
  throw new UserError(
    `${name} begins with a line for spreadsheets (sep=), which is no header: remove it, and set data.delimiter to ${delimiter}.`,
  );
}

/**
 * The place of a named column in a header.
 *
 * @throws UserError that lists the columns there are, and the nearest name to a mistyped one.
 */
export function findColumn(
  header: readonly string[],
  column: string,
  name: string,
  key: ColumnKey,
): number {
  const index = header.indexOf(column);
  if (index < 0) {
    const near = suggest(header, column);
    // What names the columns of other files need not be changed for the sake of one.
    const orNone = near === '' ? 'if that is data, give the file a header, else ' : '';
    const advice = adviseDelimiter(header) ?? `${orNone}set ${key} to the one that is meant`;
    throw new UserError(
      `${name} has no column ${JSON.stringify(column)}${near}; ` +
        `its header names ${listNames(header)}: ${advice}.`,
    );
  }
  if (header.includes(column, index + 1)) {
    throw new UserError(`${name}: its header names the column ${JSON.stringify(column)} twice.`);
  }
  return index;
}

/**
 * Refuses a label that is the text: whatever names them, a model would be shown what it is to tell.
 *
 * @param place What the label is named by.
 */
export function refuseSameColumn(
  name: string,
  keys: { readonly text: ColumnKey; readonly label: ColumnKey },
  place: string | number,
): never {
  throw new UserError(
    `${name}: expected another column than that of ${keys.text} as ${keys.label}, got ${JSON.stringify(place)}, which is the same one.`,
  );
}

/** What to do about a header of one cell that another delimiter would divide. */
export function adviseDelimiter(header: readonly string[]): string | undefined {
  const counts = delimiters.map((delimiter) => ({
    delimiter,
    cells: header.length === 1 ? header[0]!.split(delimiter).length : 1,
  }));
  const most = counts.reduce((best, each) => (each.cells > best.cells ? each : best));
  if (most.cells === 1) return undefined;
  return `it looks divided by ${JSON.stringify(most.delimiter)}, so set data.delimiter to that`;
}
