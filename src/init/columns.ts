import { readNumber } from '../data/formats/numbers.js';
import { columnName } from './names.js';
import type { SampledColumn } from './reading.js';

/** What the values of a column are like, and what the column can therefore be for. */

/**
 * `text`: words that differ from row to row; `class`: few different values; `number`; `list`: lists of texts; `id`: tells rows apart and
 * nothing else; `date`; `written number`: for people, with commas or points between thousands; `constant`: the same in every row; `empty`.
 */
export type ColumnKind =
  'text' | 'class' | 'number' | 'list' | 'id' | 'date' | 'written number' | 'constant' | 'empty';

/**
 * How all the numbers of a column are written where people are meant to read them: with `commas` (12,34 or 1,234.5), which are read as texts; with points between
 * `thousands` (1.234 and 999), which would be read as other numbers; or all with three digits behind a point, which are more likely `decimals`.
 */
export type Marks = 'commas' | 'thousands' | 'decimals';

export interface ColumnFacts {
  readonly column: SampledColumn;
  readonly kind: ColumnKind;
  /** Rows in which there is something. */
  readonly filled: number;
  readonly rows: number;
  /** How often each value occurs. */
  readonly counts: ReadonlyMap<string, number>;
  /** Of the values that are there: whether all are numbers, and whole ones. */
  readonly isNumeric: boolean;
  readonly marks: Marks | undefined;
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
const grouped = /^[-+]?\d{1,3}(?:[.,'’ ]?\d{3})*(?:[.,]\d+)?$/;
const thousands = /^[-+]?[1-9]\d{0,2}(?:\.\d{3})+$/;
const belowThousand = /^[-+]?\d{1,3}$/;
/** Fewer numbers with three digits behind a point may be decimals by chance. */
const FEWEST_THOUSANDS = 5;
const idName = /(^|[_. ])(id|uuid|guid|index|idx|key|nr|no|number|row)$|^unnamed|Id$/i;

export function describeColumn(column: SampledColumn): ColumnFacts {
  const values = column.values.filter((value) => value.trim() !== '');
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const words = values.map((value) => value.trim().split(/\s+/).length).sort((a, b) => a - b);
  const characters = values.reduce((sum, value) => sum + value.length, 0);
  const numbers = values.filter((value) => readNumber(value) !== undefined).length;
  const marks = marksOf(values);
  const facts = {
    ...{ column, counts, words, marks, rows: column.values.length, filled: values.length },
    isNumeric: values.length > 0 && numbers >= 0.98 * values.length && marks !== 'thousands',
    isWhole: values.every((value) => /^[-+]?\d+$/.test(value.trim())),
    meanCharacters: characters / Math.max(1, values.length),
  };
  return { ...facts, kind: kindOf(facts) };
}

function marksOf(values: readonly string[]): Marks | undefined {
  if (values.some((value) => value.includes(','))) {
    const isNumber = (value: string): boolean =>
      grouped.test(value.trim()) || readNumber(value) !== undefined;
    return values.every(isNumber) ? 'commas' : undefined;
  }
  const pointed = values.filter((value) => value.includes('.'));
  if (pointed.length < FEWEST_THOUSANDS) return undefined;
  if (!pointed.every((value) => thousands.test(value.trim()))) return undefined;
  const isCertain = pointed.some((value) => /\..*\./.test(value));
  if (pointed.length === values.length) return isCertain ? 'thousands' : 'decimals';
  const others = values.filter((value) => !value.includes('.'));
  return others.every((value) => belowThousand.test(value.trim())) ? 'thousands' : undefined;
}

function kindOf(facts: Omit<ColumnFacts, 'kind'>): ColumnKind {
  const { column, counts, filled, isNumeric, isWhole, marks, words, meanCharacters } = facts;
  if (filled === 0) return 'empty';
  if (column.lists !== undefined) return 'list';
  if (counts.size === 1) return 'constant';
  const values = Array.from(counts.keys());
  const shareOf = (pattern: RegExp): number =>
    values.filter((value) => pattern.test(value.trim())).length / values.length;
  if (shareOf(date) > 0.9) return 'date';
  const isUnique = counts.size === filled;
  if (isNumeric) {
    const named = idName.test(columnName(column.name));
    const counting = isWhole && isUnique && (named || isCounting(column.values));
    return counting || (named && counts.size > 0.5 * filled) ? 'id' : 'number';
  }
  const meanWords = words.reduce((sum, count) => sum + count, 0) / filled;
  // Spread out as amounts are.
  if ((marks === 'commas' || marks === 'thousands') && counts.size > 10) return 'written number';
  const isFew = filled / counts.size >= ROWS_OF_CLASS && meanCharacters <= LONGEST_CLASS;
  if (isFew) return 'class';
  if (meanWords < 1.2 && counts.size > 0.5 * filled && shareOf(code) > 0.8) return 'id';
  return 'text';
}

/** 1, 2, 3, … as the rows go. */
function isCounting(values: readonly string[]): boolean {
  if (values.length < 3) return false;
  const first = Number(values[0]);
  return values.every((value, i) => Number(value) === first + i);
}

/** With what a column's numbers are written. */
export function describeMarks({ marks }: Pick<ColumnFacts, 'marks'>): string {
  return marks === 'thousands' ? 'with points between thousands' : 'with commas';
}

/** What its numbers should look like. */
export function example({ marks }: Pick<ColumnFacts, 'marks'>): string {
  return marks === 'thousands' ? '1234' : '12.34';
}

/** One of its numbers that is written so. */
export function markedNumber({ marks, counts }: Pick<ColumnFacts, 'marks' | 'counts'>): string {
  const mark = marks === 'thousands' ? '.' : ',';
  return Array.from(counts.keys()).find((value) => value.includes(mark)) ?? '';
}

/** The value below which a share of sorted ones lies. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

/** Values by how often they occur, the most frequent first. */
export function byFrequency(counts: ReadonlyMap<string, number>): [string, number][] {
  return Array.from(counts).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}
