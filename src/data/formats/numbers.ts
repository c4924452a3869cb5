/** Numbers as tables and objects write them: `3`, `-0.25`, `1e-3`. */

const written = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/;

/** @returns The number that a cell holds, rounded to float32; undefined where it holds none, or one too large for that. */
export function readNumber(cell: string): number | undefined {
  if (!written.test(cell)) return undefined;
  const number = Math.fround(Number(cell));
  return Number.isFinite(number) ? number : undefined;
}
