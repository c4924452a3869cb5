import { PANEL, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel, type Rows } from './kernel.js';
import { at, columnsOf, element, maybe, setElement } from './operands.js';
import { pointwise } from './work.js';

/** What a row's tokens come to, by the numbers that kernels/pool.c knows them by. */
const KINDS = { max: 0, mean: 1, first: 2, last: 3 } as const;
export type PoolKind = keyof typeof KINDS;

/** Where the tokens of every row lie, in the order of the row. */
export interface RowPlaces {
  /** [rows + 1]: where each row begins in `tokenPlaces` */
  rowStart: IndexTensor;
  /** [tokens] */
  tokenPlaces: IndexTensor;
}

/** Places of the tokens of a row. */
export function placesOf({ rowStart, tokenPlaces }: RowPlaces, row: number): number[] {
  const begin = rowStart.get(row);
  return Array.from({ length: rowStart.get(row + 1) - begin }, (_, t) =>
    tokenPlaces.get(begin + t),
  );
}

/** Passes over all tokens of some rows: columns of each, and reads and writes of each element. */
export function tokenWork(
  tensor: Tensor,
  { rowStart }: RowPlaces,
  [row0, row1]: Rows,
  each: { visits: number; flops: number },
): ReturnType<typeof pointwise> {
  const tokens = rowStart.get(row1) - rowStart.get(row0);
  return pointwise(tensor, tokens, tensor.shape[0]! * PANEL, each);
}

export interface PoolOperands extends RowPlaces {
  kind: PoolKind;
  /** [panels, places, 16] */
  input: Tensor;
  /** [panels, rows, 16] */
  out: Tensor;
  /** [panels, rows, 16]: the place that each maximum comes from, the first of equal ones; −1 for none */
  chosen?: IndexTensor;
}

/** One row for all tokens of each of the rows [row0, row1): zeros where there are none. */
export const pool: Kernel<PoolOperands, Rows> = {
  name: 'pool',
  arguments: ({ kind, input, rowStart, tokenPlaces, out, chosen }) => [
    ...[at(input), input.stride[0]!, input.shape[0]!, at(rowStart), at(tokenPlaces)],
    ...[at(out), out.stride[0]!, maybe(chosen), chosen?.shape[1] ?? 0, KINDS[kind]],
  ],
  call: plainNumbers,
  reference: (o) => (row0, row1) => {
    for (let row = row0; row < row1; row++) {
      const places = placesOf(o, row);
      for (let column = 0; column < columnsOf(o.out); column++) {
        const { value, place } = poolColumn(o.kind, o.input, places, column);
        setElement(o.out, row, column, value);
        o.chosen?.set(Math.floor(column / PANEL), row, column % PANEL, place);
      }
    }
  },
  work: (o) => ({
    kernel: `pool ${o.kind}`,
    about: o.input,
    changes: [],
    of: (row0, row1) => tokenWork(o.input, o, [row0, row1], { visits: 1, flops: 1 }),
  }),
};

function poolColumn(
  kind: PoolKind,
  input: Tensor,
  places: readonly number[],
  column: number,
): { value: number; place: number } {
  if (places.length === 0) return { value: 0, place: -1 };
  const values = places.map((place) => element(input, place, column));
  if (kind === 'mean') {
    return { value: values.reduce((sum, value) => sum + value, 0) / values.length, place: -1 };
  }
  const t = { first: 0, last: values.length - 1, max: values.indexOf(Math.max(...values)) }[kind];
  return { value: values[t]!, place: places[t]! };
}

export interface UnpoolOperands extends RowPlaces {
  kind: PoolKind;
  /** [panels, rows, 16] */
  dOut: Tensor;
  /** [panels, places, 16] */
  dInput: Tensor;
  /** As `pool` has left it; of a maximum alone. */
  chosen?: IndexTensor;
  /** Whether gradients are added to what is there. */
  adds: boolean;
}

/** Gradients of the tokens of rows [row0, row1) from those of the rows. */
export const unpool: Kernel<UnpoolOperands, Rows> = {
  name: 'unpool',
  arguments: ({ kind, dOut, rowStart, tokenPlaces, dInput, chosen, adds }) => [
    ...[at(dOut), dOut.stride[0]!, dOut.shape[0]!, at(rowStart), at(tokenPlaces)],
    ...[at(dInput), dInput.stride[0]!, maybe(chosen), chosen?.shape[1] ?? 0],
    ...[KINDS[kind], adds ? 1 : 0],
  ],
  call: plainNumbers,
  reference: (o) => (row0, row1) => {
    for (let row = row0; row < row1; row++) {
      const places = placesOf(o, row);
      for (let column = 0; column < columnsOf(o.dOut); column++) {
        const chosen = o.chosen?.get(Math.floor(column / PANEL), row, column % PANEL);
        const only = { max: chosen, mean: undefined, first: places[0], last: places.at(-1) };
        const gradient = element(o.dOut, row, column);
        for (const place of places) {
          const share =
            o.kind === 'mean' ? gradient / places.length : place === only[o.kind] ? gradient : 0;
          const former = o.adds ? element(o.dInput, place, column) : 0;
          setElement(o.dInput, place, column, former + share);
        }
      }
    }
  },
  work: (o) => ({
    kernel: `gradient of pool ${o.kind}`,
    about: o.dInput,
    changes: o.adds ? [o.dInput] : [],
    of: (row0, row1) =>
      tokenWork(o.dInput, o, [row0, row1], { visits: o.adds ? 2 : 1, flops: o.adds ? 1 : 0 }),
  }),
};
