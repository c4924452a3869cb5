import { closest, distance } from 'fastest-levenshtein';
import { UserError } from '../errors.js';

/** The option that names a column. */
export type ColumnKey = 'data.text' | 'data.label';

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
    const advice = adviseDelimiter(header) ?? `set ${key} to the one that is meant`;
    throw new UserError(
      `${name} has no column ${JSON.stringify(column)}${suggest(header, column)}; ` +
        `its header names ${listNames(header)}: ${advice}.`,
    );
  }
  if (header.includes(column, index + 1)) {
    throw new UserError(`${name}: its header names the column ${JSON.stringify(column)} twice.`);
  }
  return index;
}

/** What to do about a header of one cell that another delimiter would divide. */
export function adviseDelimiter(header: readonly string[]): string | undefined {
  const counts = [';', '\t', '|', ','].map((delimiter) => ({
    delimiter,
    cells: header.length === 1 ? header[0]!.split(delimiter).length : 1,
  }));
  const most = counts.reduce((best, each) => (each.cells > best.cells ? each : best));
  if (most.cells === 1) return undefined;
  return `it looks divided by ${JSON.stringify(most.delimiter)}, so set data.delimiter to that`;
}

/** ` (did you mean "x"?)`, or nothing when no name is near. */
export function suggest(names: readonly string[], wrong: string): string {
  const name = nearestName(names, wrong);
  return name === undefined ? '' : ` (did you mean ${JSON.stringify(name)}?)`;
}

/** The name that a mistyped one most likely means, its case aside; undefined when none is near. */
export function nearestName(names: readonly string[], wrong: string): string | undefined {
  if (names.length === 0) return undefined;
  const nearest = closest(
    wrong.toLowerCase(),
    names.map((name) => name.toLowerCase()),
  );
  const near = distance(wrong.toLowerCase(), nearest) <= Math.max(1, Math.floor(wrong.length / 2));
  return near ? names.find((each) => each.toLowerCase() === nearest) : undefined;
}

/** Names in quotation marks, the first twenty of them. */
export function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 20).map((name) => JSON.stringify(name));
  const rest = names.length - shown.length;
  return rest > 0 ? `${shown.join(', ')} and ${rest} more` : shown.join(', ');
}
