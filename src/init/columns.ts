import { readNumber } from '../data/formats/numbers.js';
import { columnName } from './names.js';
import type { NumberMarks } from './number-marks.js';
import type { SampledColumn } from './reading.js';

/** What the values of a column are like, and what the column can therefore be for. */

/**
 * `text`: words that differ from row to row; `class`: few different values; `number`; `list`: lists of texts; `id`: tells rows apart and
 * nothing else; `date`; `constant`: the same in every row; `empty`.
 */
export type ColumnKind =
  'text' | 'class' | 'number' | 'list' | 'id' | 'date' | 'constant' | 'empty';

export interface ColumnFacts {
  readonly column: SampledColumn;
  readonly kind: ColumnKind;
  /** Rows in which there is something. */
  readonly filled: number;
  readonly rows: number;
  /** How often each value occurs. */
  readonly counts: ReadonlyMap<string, number>;
  /** How the values are written, if they are numbers. */
  readonly numbers: NumberMarks | undefined;
  /** Whether all that are there are whole numbers. */
  readonly isWhole: boolean;
  /** Words of each value that is there, in rising order. */
  readonly words: readonly number[];
  readonly meanCharacters: number;
}

/** Rows that a class needs on the average. */
const ROWS_OF_CLASS = 4;
const LONGEST_CLASS = 80;

const date =
  /^\d{4}-\d{1,2}-\d{1,2}([T ]\d.*)?$|^\d{1,2}[./-]\d{1,2}[./-]\d{2,4}( .*)?$|^\w{3}, \d{1,2} \w{3} \d{4}/;
const code =
  /^[0-9a-f]{8,}$|^[0-9a-f-]{32,}$|^https?:\/\/\S+$|^[\w.+-]+@[\w-]+\.[\w.]+$|^\S*\d\S*$/i;
const idName = /(^|[_. ])(id|uuid|guid|index|idx|key|nr|no|number|row)$|^unnamed|Id$/i;

export function describeColumn(
  column: SampledColumn,
  numbers: NumberMarks | undefined,
): ColumnFacts {
  const values = column.values.filter((value) => value.trim() !== '');
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const words = values.map((value) => value.trim().split(/\s+/).length).sort((a, b) => a - b);
  const characters = values.reduce((sum, value) => sum + value.length, 0);
  const facts = {
    ...{ column, counts, words, numbers, rows: column.values.length, filled: values.length },
    isWhole: values.every((value) => isWhole(value.trim(), numbers)),
    meanCharacters: characters / Math.max(1, values.length),
  };
  return { ...facts, kind: kindOf(facts) };
}

function kindOf(facts: Omit<ColumnFacts, 'kind'>): ColumnKind {
  const { column, counts, filled, numbers, isWhole, words, meanCharacters } = facts;
  if (filled === 0) return 'empty';
  if (column.lists !== undefined) return 'list';
  if (counts.size === 1) return 'constant';
  const values = Array.from(counts.keys());
  const shareOf = (pattern: RegExp): number =>
    values.filter((value) => pattern.test(value.trim())).length / values.length;
  if (shareOf(date) > 0.9) return 'date';
  const isUnique = counts.size === filled;
  if (numbers !== undefined) {
    const named = idName.test(columnName(column.name));
    const counting = isWhole && isUnique && (named || isCounting(column.values));
    return counting || (named && counts.size > 0.5 * filled) ? 'id' : 'number';
  }
  const meanWords = words.reduce((sum, count) => sum + count, 0) / filled;
  const isFew = filled / counts.size >= ROWS_OF_CLASS && meanCharacters <= LONGEST_CLASS;
  if (isFew) return 'class';
  if (meanWords < 1.2 && counts.size > 0.5 * filled && shareOf(code) > 0.8) return 'id';
  return 'text';
}

/** Decimals that are written tell of measures, zeros, too. */
function isWhole(value: string, numbers: NumberMarks | undefined): boolean {
  const { mark, unclear } = numbers ?? {};
  if (mark === undefined) return unclear === undefined && /^[-+]?\d+$/.test(value);
  return Number.isInteger(readNumber(value, mark)) && !value.includes(mark);
}

/** 1, 2, 3, … as the rows go. */
function isCounting(values: readonly string[]): boolean {
  if (values.length < 3) return false;
  const first = Number(values[0]);
  return values.every((value, i) => Number(value) === first + i);
}

/** The value below which a share of sorted ones lies. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

/** Values by how often they occur, the most frequent first. */
export function byFrequency(counts: ReadonlyMap<string, number>): [string, number][] {
  return Array.from(counts).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}
