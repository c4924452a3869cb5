import { PANEL, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import type { Rows } from './kernel.js';
import { at, element, maybe, setElement } from './operands.js';
import { placesOf, type RowPlaces } from './pool.js';
import { pointwise } from './work.js';

/* Tokens that meet those of a source: what the kernels of attention have in common. */

/** Which tokens meet: those of each row all tokens of its source. Heads have their own panels of all matrices, one behind the other. */
export interface Pairs extends RowPlaces {
  source: RowPlaces;
  /** [rows]: which row of the source each row has, where that is not the one of the same number */
  sourceRow?: IndexTensor;
  heads: number;
}

/** A row's tokens and those of its source: where they lie. */
export function pairsOf(o: Pairs, row: number): { own: number[]; source: number[] } {
  return {
    own: placesOf(o, row),
    source: placesOf(o.source, o.sourceRow ? o.sourceRow.get(row) : row),
  };
}

export function pairsArguments(o: Pairs, scores: Tensor): number[] {
  return [
    ...[at(o.rowStart), at(o.tokenPlaces), at(o.source.rowStart), at(o.source.tokenPlaces)],
    ...[maybe(o.sourceRow), at(scores), scores.stride[0]!, o.heads, scores.shape[0]! / o.heads],
  ];
}

export const strided = (matrix: Tensor): number[] => [at(matrix), matrix.stride[0]!];

/** Columns of a head in a panel matrix. */
export function columnsOf(matrix: Tensor, heads: number, head: number): number[] {
  const columns = (matrix.shape[0]! / heads) * PANEL;
  return Array.from({ length: columns }, (_, column) => head * columns + column);
}

/** The column of the j-th token of a source in a head's scores. */
export function columnOf(scores: Tensor, heads: number, head: number, j: number): number {
  return head * (scores.shape[0]! / heads) * PANEL + j;
}

/** Calls for all tokens of rows, heads and tokens of the source. */
export function forPairs(
  o: Pairs,
  [row0, row1]: Rows,
  visit: (i: number, j: number, head: number, number: number) => void,
): void {
  for (let row = row0; row < row1; row++) {
    const { own, source } = pairsOf(o, row);
    for (let head = 0; head < o.heads; head++) {
      for (const i of own) source.forEach((j, number) => visit(i, j, head, number));
    }
  }
}

/** Of every token the columns behind its source's last one are zeros, to the end of the panel. */
export function fillUp(o: Pairs, scores: Tensor, [row0, row1]: Rows): void {
  for (let row = row0; row < row1; row++) {
    const { own, source } = pairsOf(o, row);
    for (let head = 0; head < o.heads; head++) {
      for (let j = source.length; j % PANEL !== 0; j++) {
        for (const i of own) setElement(scores, i, columnOf(scores, o.heads, head, j), 0);
      }
    }
  }
}

export function add(matrix: Tensor, row: number, column: number, value: number): void {
  setElement(matrix, row, column, element(matrix, row, column) + value);
}

export function clear(matrix: Tensor, places: readonly number[]): void {
  for (const place of places) {
    for (const column of columnsOf(matrix, 1, 0)) setElement(matrix, place, column, 0);
  }
}

/** What a call does, for all pairs of its rows: so many operations on each column of so wide vectors. */
export function pairWork(
  kernel: string,
  o: Pairs,
  about: Tensor,
  changes: Tensor[],
  each: { visits: number; flops: number },
) {
  return {
    ...{ kernel, about, changes },
    of: (row0: number, row1: number) => {
      let pairs = 0;
      for (let row = row0; row < row1; row++) {
        const from = o.sourceRow ? o.sourceRow.get(row) : row;
        const { rowStart } = o.source;
        const tokens = o.rowStart.get(row + 1) - o.rowStart.get(row);
        pairs += tokens * (rowStart.get(from + 1) - rowStart.get(from));
      }
      return pointwise(about, pairs, about.shape[0]! * PANEL, each);
    },
  };
}
