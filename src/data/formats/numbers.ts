/** Numbers as tables and objects write them: `3`, `-0.25`, `1e-3`; and as people read them: `1,234.5`, `1.234,5`. */

const written = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/;

/** What stands before a number's decimals, where thousands may be parted by another mark. */
export type DecimalMark = '.' | ',';

/** Numbers with a decimal mark and, between thousands, always the same of the marks that part them there. */
const marked: Readonly<Record<DecimalMark, RegExp>> = {
  '.': withMark('.', ','),
  ',': withMark(',', '.'),
};

function withMark(decimal: string, group: string): RegExp {
  const grouped = `[1-9]\\d{0,2}(?:(?<group>[${group}'’ \u00A0\u2009\u202F])\\d{3})(?:\\k<group>\\d{3})*`;
  return new RegExp(
    `^\\s*[+-]?(?:(?:${grouped}|\\d+)(?:[${decimal}]\\d*)?|[${decimal}]\\d+)(?:[eE][+-]?\\d+)?\\s*$`,
  );
}

/**
 * @param mark where absent thousands are not parted, and a point stands before decimals
 * @returns The number that a cell holds, rounded to float32; undefined where it holds none, or one that would become infinite or 0.
 */
export function readNumber(cell: string, mark?: DecimalMark): number | undefined {
  const plain = mark === undefined ? cell : unmarked(cell, mark);
  if (plain === undefined || !written.test(plain)) return undefined;
  const exact = Number(plain);
  const number = Math.fround(exact);
  // Of digits that even float64 takes for 0 the written ones tell.
  const isZero = exact === 0 && !/[1-9]/.test(plain.replace(/[eE].*/, ''));
  if (number === 0 && !isZero) return undefined;
  return Number.isFinite(number) ? number : undefined;
}

/** The number without what parts its thousands, and with a point before its decimals; undefined where it is not written by the mark. */
function unmarked(cell: string, mark: DecimalMark): string | undefined {
  const group = marked[mark].exec(cell);
  if (group === null) return undefined;
  const between = group.groups?.['group'];
  const whole = cell.trim();
  return (between === undefined ? whole : whole.replaceAll(between, '')).replace(mark, '.');
}

/** A number of JSON, as a cell with the mark would write it. */
export function markNumber(number: string, mark: DecimalMark | undefined): string {
  return mark === undefined ? number : number.replace('.', mark);
}
