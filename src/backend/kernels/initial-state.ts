import { PANEL, type DoubleTensor, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel, type Rows, type Units } from './kernel.js';
import { at, columnsOf, element, maybe, setElement } from './operands.js';

export interface BeginRowsOperands {
  /** [16 · panels] of all states, zeros behind the last column of each: the same for every row */
  learned?: Tensor;
  /** [panels, rows, 16]: a state of its own for every row */
  given?: Tensor;
  /** [panels, rows, 16] */
  out: Tensor;
  /** [panels + 1, rows, 16]: what rows carry, and in the first column of the last panel whether they do; absent where none does */
  stateIn?: Tensor;
  /** The same after the batch: its last panel is written. */
  stateOut?: Tensor;
}

/** The states that rows [row0, row1) start from: those that they carry, or else learned or given ones. */
export const beginRows: Kernel<BeginRowsOperands, Rows> = {
  name: 'begin_rows',
  arguments: ({ learned, given, out, stateIn, stateOut }) => [
    ...(given ? [at(given), given.stride[0]!, PANEL] : [at(learned!), PANEL, 0]),
    ...[maybe(stateIn), at(out), maybe(stateOut), out.shape[0]!, out.stride[0]!],
  ],
  call: plainNumbers,
  reference:
    ({ learned, given, out, stateIn, stateOut }) =>
    (row0, row1) => {
      const panels = out.shape[0]!;
      for (let row = row0; row < row1; row++) {
        const goesOn = stateIn !== undefined && stateIn.get(panels, row, 0) !== 0;
        for (let column = 0; column < panels * PANEL; column++) {
          const begun = given ? element(given, row, column) : learned!.get(column);
          const value = goesOn ? element(stateIn, row, column) : begun;
          out.set(Math.floor(column / PANEL), row, column % PANEL, value);
        }
        for (let i = 0; stateOut && i < PANEL; i++) stateOut.set(panels, row, i, i === 0 ? 1 : 0);
      }
    },
};

export interface BeginGradientOperands {
  /** [panels, rows, 16] */
  dInitial: Tensor;
  /** [1, rows, 16]: not zero in the first column of rows that started from what they carried; absent where none did */
  begun?: Tensor;
  /** [rows + 1]: where the tokens of each row begin: one that has none has no gradient. */
  rowStart: IndexTensor;
  /** [segments + 1]: first row of each shard; the number of shards is a power of two. */
  segments: IndexTensor;
  /** [columns] */
  out: Tensor;
  /** [panels] */
  squares: DoubleTensor;
}

/** Gradient of what is learned, 16 columns a unit: sums over the rows that started from it. */
export const beginGradient: Kernel<BeginGradientOperands, Units> = {
  name: 'begin_gradient',
  arguments: ({ dInitial, begun, rowStart, segments, out, squares }) => [
    ...[at(dInitial), dInitial.stride[0]!, maybe(begun), at(rowStart)],
    ...[at(segments), segments.shape[0]! - 1, at(out), out.shape[0]!, at(squares)],
  ],
  call: plainNumbers,
  reference:
    ({ dInitial, begun, rowStart, segments, out, squares }) =>
    (unit0, unit1) => {
      const end = segments.get(segments.shape[0]! - 1);
      const counts = (row: number): boolean =>
        rowStart.get(row) < rowStart.get(row + 1) && !(begun && begun.get(0, row, 0) !== 0);
      for (let unit = unit0; unit < unit1; unit++) {
        let square = 0;
        const last = Math.min(out.shape[0]!, (unit + 1) * PANEL);
        for (let column = unit * PANEL; column < last; column++) {
          let sum = 0;
          for (let row = 0; row < end; row++) {
            if (counts(row)) sum += element(dInitial, row, column);
          }
          out.set(column, sum);
          square += sum * sum;
        }
        squares.set(unit, square);
      }
    },
};

export interface GivenGradientOperands {
  /** [panels, rows, 16] */
  dInitial: Tensor;
  /** As above. */
  begun?: Tensor;
  rowStart: IndexTensor;
  /** [panels, rows, 16] */
  out: Tensor;
  /** Whether it is added to what is there. */
  adds: boolean;
}

/** The gradient of what rows [row0, row1) were given: none of rows that had a state, or have no tokens. */
export const givenGradient: Kernel<GivenGradientOperands, Rows> = {
  name: 'given_gradient',
  arguments: ({ dInitial, begun, rowStart, out, adds }) => [
    ...[at(dInitial), dInitial.stride[0]!, maybe(begun), at(rowStart)],
    ...[at(out), out.stride[0]!, dInitial.shape[0]!, adds ? 1 : 0],
  ],
  call: plainNumbers,
  reference:
    ({ dInitial, begun, rowStart, out, adds }) =>
    (row0, row1) => {
      for (let row = row0; row < row1; row++) {
        const counts =
          rowStart.get(row) < rowStart.get(row + 1) && !(begun && begun.get(0, row, 0) !== 0);
        for (let column = 0; column < columnsOf(dInitial); column++) {
          const former = adds ? element(out, row, column) : 0;
          setElement(out, row, column, former + (counts ? element(dInitial, row, column) : 0));
        }
      }
    },
};
