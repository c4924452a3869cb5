import type { RowMap } from '../../src/backend/kernels/rows.js';

/** Maps besides the plain one and the LSTM's: some panels left out, and all of two. */
export const partialMaps: readonly RowMap[] = [
  { blocks: 3, of: 4, panels: [0, 1, 2] },
  { blocks: 3, of: 4, panels: [0, 1, 3] },
  { blocks: 2, of: 2, panels: [0, 1] },
];

/** For the names of cases; nothing for a plain map. */
export function nameOf({ blocks, of, panels }: RowMap): string {
  return of === 1 ? '' : ` as {${blocks} of ${of}: ${panels.join(' ')}}`;
}
