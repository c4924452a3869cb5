import { type DecimalMark, readNumber } from '../data/formats/numbers.js';
import { UserError } from '../errors.js';
import type { TaskKind } from '../tasks/registry.js';
import { byFrequency, type ColumnFacts } from './columns.js';
import { showColumn } from './names.js';
import { showNumber } from './number-marks.js';

/** @throws UserError where a column cannot be read as numbers, or in more than one way */
export function expectNumbers(
  path: string,
  label: ColumnFacts,
  { task, decimalMark }: { task?: TaskKind | undefined; decimalMark?: DecimalMark | undefined },
): void {
  const { column, numbers, counts } = label;
  const name = showColumn(column.name);
  if (numbers === undefined) {
    throw new UserError(
      `${path}: expected numbers in ${name} for the task regress, found texts such as ${JSON.stringify(byFrequency(counts)[0]![0].slice(0, 40))}`,
    );
  }
  if (decimalMark !== undefined && numbers.mark !== decimalMark && !column.areNumbers) {
    const odd = column.values.find(
      (value) => value.trim() !== '' && readNumber(value, decimalMark) === undefined,
    );
    throw new UserError(
      `--decimal-mark: expected the one that the numbers of ${name} have, got ${JSON.stringify(decimalMark)} for numbers such as ${JSON.stringify(odd)}`,
    );
  }
  if (numbers.unclear === undefined) return;
  // Of which each would have several rows.
  const mayBeClass = task === undefined && counts.size <= 0.5 * label.filled;
  const both = (['.', ','] as const).map((mark) => showNumber(numbers.unclear!, mark));
  throw new UserError(
    `${path}: expected numbers in ${name} that can be read in one way, found ${JSON.stringify(numbers.unclear)}, which may be ${both.join(' or ')}: --decimal-mark . or --decimal-mark , decides${mayBeClass ? ', --task classify takes each for a class' : ''}`,
  );
}
