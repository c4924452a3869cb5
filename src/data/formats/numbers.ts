/** Numbers as tables and objects write them: `3`, `-0.25`, `1e-3`. */

const written = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/;

/** @returns The number that a cell holds, rounded to float32; undefined where it holds none, or one that would become infinite or 0. */
export function readNumber(cell: string): number | undefined {
  if (!written.test(cell)) return undefined;
  const exact = Number(cell);
  const number = Math.fround(exact);
  // Of digits that even float64 takes for 0 the written ones tell.
  const isZero = exact === 0 && !/[1-9]/.test(cell.replace(/[eE].*/, ''));
  if (number === 0 && !isZero) return undefined;
  return Number.isFinite(number) ? number : undefined;
}
