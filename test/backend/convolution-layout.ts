import { neighbours, type Windows } from '../../src/backend/kernels/windows.js';
import { PANEL, panelsOf } from '../../src/tensor/heap.js';
import { uniform, type Workbench } from './workbench.js';

/** Rows of tokens and what taps see of them, on the bench. */

export const LENGTHS = [3, 1, 40, 5];
export const TOKENS = LENGTHS.reduce((sum, length) => sum + length, 0);
/** One at the end is empty. */
export const PLACES = TOKENS + 1;
const CARRIED_ROWS = LENGTHS.length + 1;

interface Around {
  /** Tokens to look for on either side. */
  most: number;
  carries?: boolean;
  /** Tokens follow each other in an order of their own, or as they lie. */
  mixed?: boolean;
  calls?: [number, number][];
}

/** Rows whose tokens lie one behind the other. */
export function around(
  bench: Workbench,
  { most, carries = false, mixed = true, calls = [[0, PLACES]] }: Around,
): { windows: Windows; numbers: number[]; look: () => void } {
  const numbers = Array.from({ length: PLACES }, (_, place) =>
    mixed ? (place * 10) % TOKENS : place % TOKENS,
  );
  const previous = new Array<number>(TOKENS).fill(-1);
  const following = previous.slice();
  let place = 0;
  LENGTHS.forEach((length, row) => {
    for (let t = 0; t < length; t++, place++) {
      previous[numbers[place]!] = t === 0 ? PLACES + row : place - 1;
      following[numbers[place]!] = t === length - 1 ? PLACES + row : place + 1;
    }
  });
  const windows = {
    sources: bench.indices('sources', 2 * most + 1, PLACES),
    reach: bench.indices('reach', 2 * most + 1, PLACES),
    places: PLACES,
  };
  const call = bench.backend.bind(neighbours, {
    ...{ ...windows, carriedRows: carries ? CARRIED_ROWS : 0 },
    previous: bench.indices('previous', previous),
    following: bench.indices('following', following),
    numbers: bench.indices('numbers', numbers),
  });
  return {
    ...{ windows, numbers },
    look: () => calls.forEach((range) => call(...range)),
  };
}

/** Taps from `before` tokens before a place on; or those from which a place is seen by such. */
export function tapsOf(
  { sources, reach, ...rest }: Windows,
  [before, taps]: Sight,
  isReversed = false,
): Windows {
  const first = (sources.shape[0]! - 1) / 2 - (isReversed ? taps - 1 - before : before);
  const [own, far] = [sources, reach].map((lists) => {
    const some = lists.lo(first, 0).hi(taps, PLACES);
    return isReversed ? some.step(-1, 1) : some;
  });
  return { ...rest, sources: own!, reach: far! };
}

export const carriedInputs = (bench: Workbench, depth: number, inputs: number) =>
  bench.panels('carried', CARRIED_ROWS, depth * panelsOf(inputs) * PANEL, (row, column) =>
    column % (panelsOf(inputs) * PANEL) < inputs ? uniform(1, 2)(row, column) : 0,
  );

export const some: [number, number][] = [
  [0, 5],
  [5, 6],
  [9, PLACES],
];
export type Sight = [before: number, taps: number];
export const sights: Sight[] = [
  [0, 1],
  [1, 3],
  [1, 4],
  [4, 5],
  [0, 2],
  [15, 32],
];
export const mostOf = ([before, taps]: Sight): number => Math.max(before, taps - 1 - before);
