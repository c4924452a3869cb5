import { type DecimalMark, readNumber } from '../data/formats/numbers.js';
import type { SampledColumn } from './reading.js';

/**
 * How the numbers of a table's columns are written: 1.250 is one and a quarter where points stand before decimals, and 1250 where they part
 * thousands. Values that can only be one of both tell, of the column or of others; where none does, nobody can know.
 */

export interface NumberMarks {
  /** As `data.decimalMark` has it; absent where numbers are read without one. */
  readonly mark?: DecimalMark;
  /** A number that is to be shown as it is read, since it could be taken for another. */
  readonly shown?: string;
  /** A number that may be one of two, where nothing tells which. */
  readonly unclear?: string;
  /** Of a column whose own numbers do not tell: the other one whose numbers do. */
  readonly asIn?: string | number;
}

/** What a column's values say of themselves. */
interface Evidence {
  /** By which marks they can be read. */
  readonly fits: readonly DecimalMark[];
  /** Whether those that can be read by a point can be read without a mark, too. */
  readonly isPlain: boolean;
  /** The mark that some values show, which nothing else in the column contradicts. */
  readonly told?: DecimalMark | undefined;
  /** A value that is one number by a point and another by a comma. */
  readonly double?: string | undefined;
  /** One that is no number without a mark. */
  readonly unplain?: string | undefined;
  /** Whether all values are such, with a point. */
  readonly isAllPointed: boolean;
}

/** Rows of a column of numbers that may hold none. */
const MOST_ODD = 0.02;
/** How often a thousand without a mark has to stand beside those that have one, to tell that it is no mark of thousands. */
const FEWEST_BARE = 0.1;
const marks = ['.', ','] as const;

/**
 * @param wished the mark of all columns that can be read by it
 * @returns of each column; undefined for those that hold no numbers
 */
export function findNumberMarks(
  columns: readonly SampledColumn[],
  wished?: DecimalMark,
): (NumberMarks | undefined)[] {
  const found = columns.map(gather);
  const telling = found.flatMap((evidence, i) =>
    evidence?.told === undefined ? [] : [{ mark: evidence.told, name: columns[i]!.name }],
  );
  const other = telling.every(({ mark }) => mark === telling[0]!.mark) ? telling[0] : undefined;
  return found.map((evidence, i) => {
    if (evidence === undefined || columns[i]!.areNumbers) return evidence && {};
    const { double } = evidence;
    if (wished !== undefined && evidence.fits.includes(wished)) {
      return {
        ...(double !== undefined && { shown: double }),
        ...settle(evidence, wished),
        mark: wished,
      };
    }
    if (evidence.told !== undefined) return settle(evidence, evidence.told);
    // Read alike by both marks.
    if (double === undefined) return settle(evidence, '.');
    if (other !== undefined) {
      return { shown: double, ...settle(evidence, other.mark), asIn: other.name };
    }
    // All of them a thousand times as much, if not: a unit of their own, which is shown.
    return evidence.isAllPointed ? { shown: double } : { unclear: double };
  });
}

/** What a cell's number is by a mark, to be shown: with the digits that float32 has. */
export function showNumber(cell: string, mark: DecimalMark | undefined): string {
  return String(Number(readNumber(cell, mark)!.toPrecision(7)));
}

/** A column whose mark is known. */
function settle({ isPlain, double, unplain }: Evidence, mark: DecimalMark): NumberMarks {
  if (mark === '.' && isPlain) return {};
  const shown = double ?? unplain;
  return { mark, ...(shown !== undefined && { shown }) };
}

/** @returns undefined for a column that holds no numbers */
function gather({ values, areNumbers = false }: SampledColumn): Evidence | undefined {
  const cells = values.map((value) => value.trim()).filter((value) => value !== '');
  if (cells.length === 0) return undefined;
  const fewest = (1 - MOST_ODD) * cells.length;
  const canRead = (mark: DecimalMark): boolean =>
    cells.filter((cell) => readNumber(cell, mark) !== undefined).length >= fewest;
  const fits = marks.filter(canRead);
  if (fits.length === 0) return undefined;
  const isPlain = cells.every(
    (cell) => readNumber(cell, '.') === undefined || readNumber(cell) !== undefined,
  );
  const only = (mark: DecimalMark, other: DecimalMark): boolean =>
    cells.some(
      (cell) => readNumber(cell, mark) !== undefined && readNumber(cell, other) === undefined,
    );
  const doubles = cells.filter((cell) => {
    const [byPoint, byComma] = marks.map((mark) => readNumber(cell, mark));
    return byPoint !== undefined && byComma !== undefined && byPoint !== byComma;
  });
  const shown = marks.filter((mark, i) => only(mark, marks[1 - i]!));
  const told =
    fits.length === 1 ? fits[0] : shown.length === 0 ? tellOfBare(cells, doubles) : undefined;
  return {
    ...{ fits, isPlain, double: doubles[0] },
    unplain: cells.find(
      (cell) =>
        readNumber(cell) === undefined &&
        marks.some((mark) => readNumber(cell, mark) !== undefined),
    ),
    ...(!areNumbers && { told: shown.length === 1 ? shown[0] : told }),
    isAllPointed: doubles.length === cells.length && doubles.every((cell) => cell.includes('.')),
  };
}

/** The mark of decimals where thousands stand without one. */
function tellOfBare(cells: readonly string[], doubles: readonly string[]): DecimalMark | undefined {
  const bare = cells.filter((cell) => /^[-+]?\d{4,}$/.test(cell));
  if (bare.length === 0 || bare.length < FEWEST_BARE * doubles.length) return undefined;
  // Some countries part no thousands of four digits, but those of more.
  const isShort = bare.every((cell) => /^\D?\d{4}$/.test(cell));
  if (isShort && doubles.every((cell) => /^\D?\d{2,}\D/.test(cell))) return undefined;
  const used = marks.filter((mark) => doubles.some((cell) => cell.includes(mark)));
  return used.length === 1 ? used[0] : undefined;
}
