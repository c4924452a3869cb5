import type { Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel, type Rows } from './kernel.js';
import { at, columnsOf, element, setElement } from './operands.js';
import { placesOf, tokenWork, type RowPlaces } from './pool.js';

export interface AttendOperands extends RowPlaces {
  /** [1, places, 16]: column 0 is each token's score, and becomes its weight */
  scores: Tensor;
  /** [panels, places, 16] */
  input: Tensor;
  /** [panels, rows, 16] */
  out: Tensor;
}

/** Below it a weight is none (kernels/attention_weight.h). */
const LEAST_WEIGHT = 2 ** -40;

/** Softmax of some scores, of which weights that could not be seen beside the others are none. */
export function weightsOf(scores: readonly number[]): number[] {
  const exponentials = scores.map((score) => Math.exp(score - Math.max(...scores)));
  const sum = exponentials.reduce((all, each) => all + each, 0);
  return exponentials.map((each) => (each / sum < LEAST_WEIGHT ? 0 : each / sum));
}

/** Of rows [row0, row1) the weights of their tokens, softmax of the scores, and the tokens' weighted sum. */
export const attend: Kernel<AttendOperands, Rows> = {
  name: 'attend',
  arguments: ({ scores, input, rowStart, tokenPlaces, out }) => [
    ...[at(scores), at(input), input.stride[0]!, input.shape[0]!, at(rowStart), at(tokenPlaces)],
    ...[at(out), out.stride[0]!],
  ],
  call: plainNumbers,
  reference: (o) => (row0, row1) => {
    for (let row = row0; row < row1; row++) {
      const places = placesOf(o, row);
      const weights = weightsOf(places.map((place) => element(o.scores, place, 0)));
      places.forEach((place, t) => setElement(o.scores, place, 0, weights[t]!));
      for (let column = 0; column < columnsOf(o.out); column++) {
        const value = places.reduce(
          (all, place) => all + element(o.scores, place, 0) * element(o.input, place, column),
          0,
        );
        setElement(o.out, row, column, value);
      }
    }
  },
  work: (o) => ({
    kernel: 'attention',
    about: o.input,
    changes: [o.scores],
    of: (row0, row1) => tokenWork(o.input, o, [row0, row1], { visits: 1, flops: 2 }),
  }),
};

export interface AttendBackwardOperands extends RowPlaces {
  /** [panels, rows, 16] */
  dOut: Tensor;
  /** [1, places, 16]: what `attend` has left of the scores */
  weights: Tensor;
  /** [panels, places, 16] */
  input: Tensor;
  /** [panels, places, 16]: what the input's gradient is while weights stay as they are */
  dInput: Tensor;
  /** Whether it is added to what is there. */
  adds: boolean;
  /** [1, places, 16]: column 0; the others become zero */
  dScores: Tensor;
}

/** Gradients of the tokens of rows [row0, row1), and of their scores, from those of the rows. */
export const attendBackward: Kernel<AttendBackwardOperands, Rows> = {
  name: 'attend_backward',
  arguments: (o) => [
    ...[at(o.dOut), o.dOut.stride[0]!, at(o.weights), at(o.input), o.input.stride[0]!],
    ...[o.input.shape[0]!, at(o.rowStart), at(o.tokenPlaces)],
    ...[at(o.dInput), o.dInput.stride[0]!, o.adds ? 1 : 0, at(o.dScores)],
  ],
  call: plainNumbers,
  reference: (o) => (row0, row1) => {
    for (let row = row0; row < row1; row++) {
      const places = placesOf(o, row);
      const columns = Array.from({ length: columnsOf(o.dOut) }, (_, column) => column);
      const gradient = columns.map((column) => element(o.dOut, row, column));
      const weights = places.map((place) => element(o.weights, place, 0));
      const products = places.map((place) =>
        columns.reduce((sum, c) => sum + gradient[c]! * element(o.input, place, c), 0),
      );
      const mean = products.reduce((sum, each, t) => sum + weights[t]! * each, 0);
      places.forEach((place, t) => {
        for (let lane = 0; lane < columnsOf(o.dScores); lane++) {
          const value = lane === 0 ? weights[t]! * (products[t]! - mean) : 0;
          setElement(o.dScores, place, lane, value);
        }
        for (const c of columns) {
          const former = o.adds ? element(o.dInput, place, c) : 0;
          setElement(o.dInput, place, c, former + weights[t]! * gradient[c]!);
        }
      });
    }
  },
  work: (o) => ({
    kernel: 'gradient of attention',
    about: o.input,
    changes: o.adds ? [o.dInput] : [],
    of: (row0, row1) => tokenWork(o.input, o, [row0, row1], { visits: 2, flops: 4 }),
  }),
};
