import { PANEL, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel, type Rows } from './kernel.js';
import { at, columnsOf, element, maybe, setElement } from './operands.js';

/** Widest convolution. */
export const MOST_TAPS = 32;

/** What the taps of a convolution see from each place; nothing of it is copied. */
export interface Windows {
  /** [taps, places]: the place that each tap sees, −1 for none; from `places` on `carried`, first the latest of every row */
  sources: IndexTensor;
  /** Of each of these how many places, itself included, see what lies one behind the other. */
  reach: IndexTensor;
  places: number;
  /** [depth · panels, rows, 16]: the inputs that rows carry from the batch before, the latest first; nothing where absent */
  carried?: Tensor;
}

/** The numbers of `windows` in kernels/windows.h, and how many they are. */
export const WINDOWS_ARGUMENTS = 11;
export function windowsArguments(input: Tensor, windows: Windows): number[] {
  const { sources, reach, places, carried } = windows;
  return [
    ...[at(input), input.stride[0]!, input.shape[0]!],
    ...[sources.shape[0]!, at(sources), at(reach), sources.stride[0]!, places],
    ...[maybe(carried), carried?.stride[0] ?? 0, carried?.shape[1] ?? 0],
  ];
}

/** A row of a panel matrix that a tap sees from a place; none beyond the ends of the place's row. */
export function seenRow(
  input: Tensor,
  { sources, places, carried }: Windows,
  tap: number,
  place: number,
): { matrix: Tensor; row: number } | undefined {
  const source = sources.get(tap, place);
  if (source < 0) return undefined;
  if (source < places) return { matrix: input, row: source };
  const [, rows] = carried!.shape;
  const [panels] = input.shape;
  const depth = Math.floor((source - places) / rows!);
  return {
    matrix: carried!.lo(depth * panels!, 0, 0).hi(panels!, rows!, PANEL),
    row: (source - places) % rows!,
  };
}

export interface NeighboursOperands {
  /** [tokens]: place of the token before and behind each one, from `places` on for none: so far behind it, the row's number */
  previous: IndexTensor;
  following: IndexTensor;
  /** [places]: each place's number in these lists */
  numbers: IndexTensor;
  places: number;
  /** Rows of what is carried, where rows carry inputs; else 0. */
  carriedRows: number;
  /** [2 · most + 1, places]: see `Windows`; from `most` tokens before a place to as many behind it */
  sources: IndexTensor;
  reach: IndexTensor;
}

/** Looks up what stands around places [place0, place1). */
export const neighbours: Kernel<NeighboursOperands, Rows> = {
  name: 'neighbours',
  arguments: ({ previous, following, numbers, places, carriedRows, sources, reach }) => [
    ...[at(previous), at(following), at(numbers), places, carriedRows],
    ...[(sources.shape[0]! - 1) / 2, at(sources), at(reach), sources.stride[0]!],
  ],
  call: plainNumbers,
  reference(operands) {
    const { sources, reach, places, carriedRows } = operands;
    const [lists] = sources.shape;
    const goesOn = (one: number, next: number): boolean =>
      one < 0 || next < 0
        ? one === next
        : next === one + 1 && (next < places || (next - places) % carriedRows !== 0);
    return (place0, place1) => {
      for (let list = 0; list < lists!; list++) {
        for (let place = place1 - 1; place >= place0; place--) {
          const source = neighbour(operands, place, list - (lists! - 1) / 2);
          sources.set(list, place, source);
          const on = place + 1 < place1 && goesOn(source, sources.get(list, place + 1));
          reach.set(list, place, on ? reach.get(list, place + 1) + 1 : 1);
        }
      }
    };
  },
};

/** What stands so many tokens behind a place, or before it. */
function neighbour(operands: NeighboursOperands, place: number, distance: number): number {
  const { previous, following, numbers, places, carriedRows } = operands;
  let found = place;
  for (let left = Math.abs(distance); left > 0; left--) {
    found = (distance < 0 ? previous : following).get(numbers.get(found));
    if (found < places) continue;
    return distance < 0 && carriedRows > 0 ? found + (left - 1) * carriedRows : -1;
  }
  return found;
}

export interface CarryInputsOperands {
  /** [panels, places, 16] */
  input: Tensor;
  /** [rows + 1] and [tokens]: where each row begins in the list of its tokens' places, row after row */
  rowStart: IndexTensor;
  tokenPlaces: IndexTensor;
  /** [depth · panels, rows, 16]: the latest inputs of each row before the batch, the nearest one first, and after it */
  before: Tensor;
  after: Tensor;
}

/** What rows [row0, row1) carry on: their last inputs, and of what they have carried what is needed still. */
export const carryInputs: Kernel<CarryInputsOperands, Rows> = {
  name: 'carry_inputs',
  arguments: ({ input, rowStart, tokenPlaces, before, after }) => [
    ...[at(input), input.stride[0]!, input.shape[0]!, at(rowStart), at(tokenPlaces)],
    ...[at(before), before.stride[0]!],
    ...[at(after), after.shape[0]! / input.shape[0]!],
  ],
  call: plainNumbers,
  reference({ input, rowStart, tokenPlaces, before, after }) {
    const columns = columnsOf(input);
    return (row0, row1) => {
      for (let row = row0; row < row1; row++) {
        const end = rowStart.get(row + 1);
        const tokens = end - rowStart.get(row);
        for (let column = 0; column < columnsOf(after); column++) {
          const depth = Math.floor(column / columns);
          const value =
            depth < tokens
              ? element(input, tokenPlaces.get(end - 1 - depth), column % columns)
              : element(before, row, column - tokens * columns);
          setElement(after, row, column, value);
        }
      }
    };
  },
};
