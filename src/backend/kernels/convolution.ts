import { PANEL, panelsOf, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel, type Rows, type Units } from './kernel.js';
import { at, columnsOf, element, maybe, setElement } from './operands.js';
import { pointwise } from './work.js';

/** Widest convolution. */
export const MOST_TAPS = 32;

/** Which tokens of its row a convolution sees from each token: taps from `before` tokens before it on. */
export interface Neighbourhood {
  before: number;
  taps: number;
  /** [tokens]: place of the token before and behind each one, from `places` on for none */
  previous: IndexTensor;
  following: IndexTensor;
  /** [places]: each place's number in these lists */
  numbers: IndexTensor;
  places: number;
}

function neighbourArguments(near: Neighbourhood): number[] {
  const { previous, following, numbers, places, before, taps } = near;
  return [at(previous), maybe(following), at(numbers), places, before, taps];
}

/** Where a tap finds something beyond the end of a row: so far behind it, 0 for the nearest. */
interface Beyond {
  row: number;
  depth: number;
}

/** The place that a tap sees from a place, or how far beyond its row that is. */
function neighbour(near: Neighbourhood, place: number, tap: number): number | Beyond {
  const list = tap < near.before ? near.previous : near.following;
  let found = place;
  for (let left = Math.abs(tap - near.before); left > 0; left--) {
    found = list.get(near.numbers.get(found));
    if (found >= near.places) return { row: found - near.places, depth: left - 1 };
  }
  return found;
}

export interface WindowsOperands {
  /** [panels, places, 16] */
  input: Tensor;
  /** [taps · panels, places, 16] */
  windows: Tensor;
  near: Neighbourhood;
  /** [before · panels, rows, 16]: the inputs that rows carry from the batch before, the nearest one first; zeros where absent */
  carried?: Tensor;
}

/** What a convolution sees from places [place0, place1): its tokens side by side, zeros where there are none. */
export const windows: Kernel<WindowsOperands, Rows> = {
  name: 'windows',
  arguments: ({ input, windows: out, near, carried }) => [
    ...[at(input), input.stride[0]!, input.shape[0]!, at(out), out.stride[0]!],
    ...neighbourArguments(near),
    ...[maybe(carried), carried?.stride[0] ?? 0, carried?.shape[1] ?? 0],
  ],
  call: plainNumbers,
  reference({ input, windows: out, near, carried }) {
    const columns = columnsOf(input);
    const seen = (place: number, tap: number, column: number): number => {
      const from = neighbour(near, place, tap);
      if (typeof from === 'number') return element(input, from, column);
      return carried && tap < near.before
        ? element(carried, from.row, from.depth * columns + column)
        : 0;
    };
    return (place0, place1) => {
      for (let place = place0; place < place1; place++) {
        for (let column = 0; column < columnsOf(out); column++) {
          const tap = Math.floor(column / columns);
          setElement(out, place, column, seen(place, tap, column % columns));
        }
      }
    };
  },
  work: ({ input, windows: out }) => ({
    kernel: 'windows',
    about: out,
    changes: [],
    of: (place0, place1) => {
      const columns = out.shape[0]! * PANEL + input.shape[0]! * PANEL;
      return pointwise(out, place1 - place0, columns, { visits: 1, flops: 0 });
    },
  }),
};

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
    ...[at(before), before.stride[0]!, before.shape[1]!],
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

export interface WindowSumOperands {
  /** [taps · panels, places, 16] */
  dWindows: Tensor;
  /** [panels, places, 16] */
  dInput: Tensor;
  /** Whether sums are added to what is there. */
  adds: boolean;
  /** As of the windows. */
  near: Neighbourhood;
}

/** Gradient of places [place0, place1) from those of all windows that they stand in. */
export const windowSum: Kernel<WindowSumOperands, Rows> = {
  name: 'window_sum',
  arguments: ({ dWindows, dInput, adds, near }) => [
    ...[at(dWindows), dWindows.stride[0]!, at(dInput), dInput.stride[0]!, dInput.shape[0]!],
    ...[adds ? 1 : 0, ...neighbourArguments(opposite(near))],
  ],
  call: plainNumbers,
  reference({ dWindows, dInput, adds, near }) {
    const columns = columnsOf(dInput);
    const back = opposite(near);
    return (place0, place1) => {
      for (let place = place0; place < place1; place++) {
        for (let column = 0; column < columns; column++) {
          let sum = adds ? element(dInput, place, column) : 0;
          for (let tap = 0; tap < near.taps; tap++) {
            const from = neighbour(back, place, near.taps - 1 - tap);
            if (typeof from === 'number') sum += element(dWindows, from, tap * columns + column);
          }
          setElement(dInput, place, column, sum);
        }
      }
    };
  },
  work: ({ dWindows, dInput, adds }) => ({
    kernel: 'gradient of windows',
    about: dWindows,
    changes: adds ? [dInput] : [],
    of: (place0, place1) => {
      const columns = dWindows.shape[0]! * PANEL + dInput.shape[0]! * PANEL;
      return pointwise(dWindows, place1 - place0, columns, { visits: 1, flops: 1 });
    },
  }),
};

/** From which places a place is seen. */
function opposite(near: Neighbourhood): Neighbourhood {
  return { ...near, before: near.taps - 1 - near.before };
}

export interface TapsOperands {
  /** [channels, inputs · taps]: of one input all taps side by side, as PyTorch has them; more columns fill up a gradient */
  weight: Tensor;
  /** [channels, taps · 16 ⌈inputs / 16⌉]: of one tap all inputs side by side, as windows have them */
  tapped: Tensor;
  inputs: number;
  taps: number;
}

/** Puts the weights of units [unit0, unit1) of 16 channels in the order of windows. */
export const partTaps = tapsKernel('part_taps', ({ weight, tapped, inputs, taps }, channel) => {
  const padded = panelsOf(inputs) * PANEL;
  for (let column = 0; column < taps * padded; column++) {
    const [input, tap] = [column % padded, Math.floor(column / padded)];
    tapped.set(channel, column, input < inputs ? weight.get(channel, input * taps + tap) : 0);
  }
});

/** Puts gradients in the order of windows back into that of the weights. */
export const joinTaps = tapsKernel('join_taps', ({ weight, tapped, inputs, taps }, channel) => {
  const padded = panelsOf(inputs) * PANEL;
  for (let column = 0; column < inputs * taps; column++) {
    const [input, tap] = [Math.floor(column / taps), column % taps];
    weight.set(channel, column, tapped.get(channel, tap * padded + input));
  }
});

function tapsKernel(
  name: string,
  move: (operands: TapsOperands, channel: number) => void,
): Kernel<TapsOperands, Units> {
  return {
    name,
    arguments: ({ weight, tapped, inputs, taps }) => [
      ...[at(weight), weight.shape[1]!, at(tapped), weight.shape[0]!, inputs, taps],
    ],
    call: plainNumbers,
    reference: (operands) => (unit0, unit1) => {
      const end = Math.min(operands.weight.shape[0]!, unit1 * PANEL);
      for (let channel = unit0 * PANEL; channel < end; channel++) move(operands, channel);
    },
  };
}
