/** Rows that are shown at every evaluation. */
export const SAMPLES = 8;

/** Numbers of the rows of a split that are shown, evenly spread over it. */
export function sampleRows(rows: number): number[] {
  const count = Math.min(SAMPLES, rows);
  return Array.from({ length: count }, (_, i) => Math.floor((i * rows) / count));
}
