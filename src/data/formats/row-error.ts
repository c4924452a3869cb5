import { UserError } from '../../errors.js';
import { nameSource, type Source } from '../input/sources.js';

/**
 * Where something stands in a source, for messages: `mails.csv, line 7`.
 *
 * @param isOfTarget See RowError.
 */
export function namePlace(
  { path, format, target }: Pick<Source, 'path' | 'format' | 'target'>,
  line: number,
  isOfTarget = false,
): string {
  const name = nameSource((isOfTarget && target?.path) || path);
  return `${name}, ${format === 'parquet' ? 'row' : 'line'} ${line}`;
}

/**
 * A row that cannot be used. Lines count from the start of the extent that was read: who reads a
 * later one makes the error anew with the true line.
 */
export class RowError extends UserError {
  /**
   * @param line From 1; of a Parquet file, the row.
   * @param reason A sentence that says what was expected, its first letter small.
   * @param isOfTarget Whether the file is the second of two whose lines belong together.
   */
  constructor(
    source: Pick<Source, 'path' | 'format'>,
    readonly line: number,
    readonly reason: string,
    readonly isOfTarget = false,
  ) {
    super(`${namePlace(source, line)}: ${reason}`);
    this.path = source.path;
  }

  readonly path: string;
}
