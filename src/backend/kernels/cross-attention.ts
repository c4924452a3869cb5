import type { Tensor } from '../../tensor/heap.js';
import {
  add,
  clear,
  columnOf,
  columnsOf,
  fillUp,
  forPairs,
  pairsArguments,
  pairsOf,
  pairWork,
  strided,
  type Pairs,
} from './attention-pairs.js';
import { weightsOf } from './attention.js';
import { plainNumbers, type Kernel, type Rows } from './kernel.js';
import { at, element, setElement } from './operands.js';

interface DotOperands extends Pairs {
  /** [heads · panels, places, 16] */
  queries: Tensor;
  /** [heads · panels, source's places, 16] */
  keys: Tensor;
}

interface AdditiveOperands extends DotOperands {
  /** [heads · panels, 16, 16]: v in the first row */
  vector: Tensor;
}

interface Scores {
  /** [heads · panels of the source's longest row, places, 16]: of each token a column for each token of its source */
  scores: Tensor;
}

/** Where gradients of queries and keys go, and whether they are added to what is there. */
interface Gradients {
  /** As the scores. */
  dScores: Tensor;
  dQueries: Tensor;
  addsQueries: boolean;
  dKeys: Tensor;
  addsKeys: boolean;
}

function operandsOf({ queries, keys, heads }: DotOperands): number[] {
  return [...strided(queries), ...strided(keys), queries.shape[0]! / heads];
}

function scoreAll(
  o: DotOperands & Scores,
  rows: Rows,
  score: (i: number, j: number, column: number) => number,
): void {
  forPairs(o, rows, (i, j, head, number) => {
    const columns = columnsOf(o.queries, o.heads, head);
    const sum = columns.reduce((all, column) => all + score(i, j, column), 0);
    setElement(o.scores, i, columnOf(o.scores, o.heads, head, number), sum);
  });
  fillUp(o, o.scores, rows);
}

/** Sets what is not added to what is there to zero. */
function begin(o: Pairs & Gradients, [row0, row1]: Rows): void {
  for (let row = row0; row < row1; row++) {
    const { own, source } = pairsOf(o, row);
    if (!o.addsQueries) clear(o.dQueries, own);
    if (!o.addsKeys) clear(o.dKeys, source);
  }
}

/** Scores q · k of the tokens of rows [row0, row1). */
export const dotScores: Kernel<DotOperands & Scores, Rows> = {
  name: 'dot_scores',
  arguments: (o) => [...pairsArguments(o, o.scores), ...operandsOf(o)],
  call: plainNumbers,
  reference:
    (o) =>
    (...rows) =>
      scoreAll(
        o,
        rows,
        (i, j, column) => element(o.queries, i, column) * element(o.keys, j, column),
      ),
  work: (o) => pairWork('dot attention', o, o.keys, [], { visits: 1, flops: 2 }),
};

/** Gradients of queries and keys. */
export const dotBackward: Kernel<DotOperands & Gradients, Rows> = {
  name: 'dot_backward',
  arguments: (o) => [
    ...[...pairsArguments(o, o.dScores), ...operandsOf(o), ...strided(o.dQueries)],
    ...[o.addsQueries ? 1 : 0, ...strided(o.dKeys), o.addsKeys ? 1 : 0],
  ],
  call: plainNumbers,
  reference:
    (o) =>
    (...rows) => {
      begin(o, rows);
      forPairs(o, rows, (i, j, head, number) => {
        const d = element(o.dScores, i, columnOf(o.dScores, o.heads, head, number));
        for (const column of columnsOf(o.queries, o.heads, head)) {
          add(o.dQueries, i, column, d * element(o.keys, j, column));
          add(o.dKeys, j, column, d * element(o.queries, i, column));
        }
      });
    },
  work: (o) =>
    pairWork('gradient of dot attention', o, o.keys, changesOf(o), { visits: 2, flops: 4 }),
};

function changesOf({ dQueries, addsQueries, dKeys, addsKeys }: Gradients): Tensor[] {
  return [...(addsQueries ? [dQueries] : []), ...(addsKeys ? [dKeys] : [])];
}

/** Scores v · tanh(q + k) of the tokens of rows [row0, row1). */
export const additiveScores: Kernel<AdditiveOperands & Scores, Rows> = {
  name: 'additive_scores',
  arguments: (o) => [...[...pairsArguments(o, o.scores), ...operandsOf(o), ...strided(o.vector)]],
  call: plainNumbers,
  reference:
    (o) =>
    (...rows) =>
      scoreAll(
        o,
        rows,
        (i, j, column) =>
          element(o.vector, 0, column) *
          Math.tanh(element(o.queries, i, column) + element(o.keys, j, column)),
      ),
  work: (o) => pairWork('additive attention', o, o.keys, [], { visits: 1, flops: 30 }),
};

export interface AdditiveBackwardOperands extends AdditiveOperands, Gradients {
  /** [heads · panels, places, 16]: what each token adds to the gradient of v, to be summed up by `ones` */
  dVector: Tensor;
  /** [1, places, 16]: 1 in the first column */
  ones: Tensor;
}

/** Gradients of queries and keys, and what each token adds to that of v. */
export const additiveBackward: Kernel<AdditiveBackwardOperands, Rows> = {
  name: 'additive_backward',
  arguments: (o) => [
    ...[...pairsArguments(o, o.dScores), ...operandsOf(o), ...strided(o.vector)],
    ...[...strided(o.dQueries), o.addsQueries ? 1 : 0],
    ...[...strided(o.dKeys), o.addsKeys ? 1 : 0, ...strided(o.dVector), at(o.ones)],
  ],
  call: plainNumbers,
  reference:
    (o) =>
    (...rows) => {
      begin(o, rows);
      for (let row = rows[0]; row < rows[1]; row++) {
        const { own } = pairsOf(o, row);
        clear(o.dVector, own);
        clear(o.ones, own);
        for (const i of own) setElement(o.ones, i, 0, 1);
      }
      forPairs(o, rows, (i, j, head, number) => {
        const d = element(o.dScores, i, columnOf(o.dScores, o.heads, head, number));
        for (const column of columnsOf(o.queries, o.heads, head)) {
          const u = Math.tanh(element(o.queries, i, column) + element(o.keys, j, column));
          const slope = d * element(o.vector, 0, column) * (1 - u * u);
          add(o.dQueries, i, column, slope);
          add(o.dKeys, j, column, slope);
          add(o.dVector, i, column, d * u);
        }
      });
    },
  work: (o) =>
    pairWork('gradient of additive attention', o, o.keys, changesOf(o), { visits: 3, flops: 35 }),
};

interface ValueOperands extends Pairs {
  /** [heads · panels, source's places, 16] */
  values: Tensor;
}

export interface CrossAttendOperands extends ValueOperands, Scores {
  /** [heads · panels, places, 16] */
  out: Tensor;
}

/** Scores of the tokens of rows [row0, row1) become weights, softmax over the source; and the sum of the source's values by these. */
export const crossAttend: Kernel<CrossAttendOperands, Rows> = {
  name: 'cross_attend',
  arguments: (o) => [
    ...[...pairsArguments(o, o.scores), ...strided(o.values), o.values.shape[0]! / o.heads],
    ...strided(o.out),
  ],
  call: plainNumbers,
  reference: (o) => (row0, row1) => {
    for (let row = row0; row < row1; row++) {
      const { own, source } = pairsOf(o, row);
      for (let head = 0; head < o.heads; head++) {
        const columns = source.map((_, j) => columnOf(o.scores, o.heads, head, j));
        for (const i of own) {
          const weights = weightsOf(columns.map((column) => element(o.scores, i, column)));
          columns.forEach((column, j) => setElement(o.scores, i, column, weights[j]!));
          for (const column of columnsOf(o.values, o.heads, head)) {
            const value = source.reduce(
              (all, j, n) => all + element(o.scores, i, columns[n]!) * element(o.values, j, column),
              0,
            );
            setElement(o.out, i, column, value);
          }
        }
      }
    }
  },
  work: (o) => pairWork('sums of attention', o, o.values, [o.scores], { visits: 1, flops: 2 }),
};

export interface CrossAttendBackwardOperands extends ValueOperands {
  /** What `crossAttend` has left of the scores. */
  weights: Tensor;
  /** [heads · panels, places, 16] */
  dOut: Tensor;
  /** [heads · panels, source's places, 16]: what it is while weights stay as they are */
  dValues: Tensor;
  /** Whether it is added to what is there. */
  adds: boolean;
  /** Like the weights. */
  dScores: Tensor;
}

/** Gradients of the values and of the scores. */
export const crossAttendBackward: Kernel<CrossAttendBackwardOperands, Rows> = {
  name: 'cross_attend_backward',
  arguments: (o) => [
    ...[...pairsArguments(o, o.weights), ...strided(o.values), o.values.shape[0]! / o.heads],
    ...[...strided(o.dOut), ...strided(o.dValues), o.adds ? 1 : 0, at(o.dScores)],
  ],
  call: plainNumbers,
  reference: (o) => (row0, row1) => {
    for (let row = row0; row < row1; row++) {
      const { own, source } = pairsOf(o, row);
      if (!o.adds) clear(o.dValues, source);
      for (let head = 0; head < o.heads; head++) {
        const columns = columnsOf(o.values, o.heads, head);
        for (const i of own) {
          const places = source.map((_, j) => columnOf(o.weights, o.heads, head, j));
          const weights = places.map((place) => element(o.weights, i, place));
          const products = source.map((j) =>
            columns.reduce((sum, c) => sum + element(o.dOut, i, c) * element(o.values, j, c), 0),
          );
          const mean = products.reduce((sum, each, j) => sum + weights[j]! * each, 0);
          source.forEach((j, number) => {
            const weight = weights[number]!;
            setElement(o.dScores, i, places[number]!, weight * (products[number]! - mean));
            for (const c of columns) add(o.dValues, j, c, weight * element(o.dOut, i, c));
          });
        }
      }
    }
    fillUp(o, o.dScores, [row0, row1]);
  },
  work: (o) =>
    pairWork('gradient of sums of attention', o, o.values, o.adds ? [o.dValues] : [], {
      ...{ visits: 2, flops: 4 },
    }),
};
