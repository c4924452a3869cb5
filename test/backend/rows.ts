import type { RowPlaces } from '../../src/backend/kernels/pool.js';
import type { Workbench } from './workbench.js';

/** Tokens of five rows, one of them without any. */
const LENGTHS = [3, 1, 0, 20, 5];
export const ROWS = LENGTHS.length;
/** Places, of which some are empty. */
export const PLACES = 40;

/** Where rows' tokens lie: anywhere, in no order. */
export function rowsOf(bench: Workbench): RowPlaces {
  const rowStart = [0];
  for (const length of LENGTHS) rowStart.push(rowStart.at(-1)! + length);
  const places = Array.from({ length: rowStart.at(-1)! }, (_, token) => (token * 11 + 3) % PLACES);
  return {
    rowStart: bench.indices('row start', rowStart),
    tokenPlaces: bench.indices('token places', places),
  };
}
