import { PANEL, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel, type Rows } from './kernel.js';
import { at, element, maybe, setElement } from './operands.js';
import { placesOf, type RowPlaces } from './pool.js';
import { pointwise } from './work.js';

/** Which tokens meet: those of each row all tokens of its source. Heads have their own panels of all matrices, one behind the other. */
export interface Pairs extends RowPlaces {
  source: RowPlaces;
  /** [rows]: which row of the source each row has, where that is not the one of the same number */
  sourceRow?: IndexTensor;
  heads: number;
}

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

/** A row's tokens and those of its source: where they lie. */
function pairsOf(o: Pairs, row: number): { own: number[]; source: number[] } {
  return {
    own: placesOf(o, row),
    source: placesOf(o.source, o.sourceRow ? o.sourceRow.get(row) : row),
  };
}

function pairsArguments(o: Pairs, scores: Tensor): number[] {
  return [
    ...[at(o.rowStart), at(o.tokenPlaces), at(o.source.rowStart), at(o.source.tokenPlaces)],
    ...[maybe(o.sourceRow), at(scores), scores.stride[0]!, o.heads, scores.shape[0]! / o.heads],
  ];
}

const strided = (matrix: Tensor): number[] => [at(matrix), matrix.stride[0]!];

function operandsOf({ queries, keys, heads }: DotOperands): number[] {
  return [...strided(queries), ...strided(keys), queries.shape[0]! / heads];
}

/** Columns of a head in a panel matrix. */
function columnsOf(matrix: Tensor, heads: number, head: number): number[] {
  const columns = (matrix.shape[0]! / heads) * PANEL;
  return Array.from({ length: columns }, (_, column) => head * columns + column);
}

/** The column of the j-th token of a source in a head's scores. */
function columnOf(scores: Tensor, heads: number, head: number, j: number): number {
  return head * (scores.shape[0]! / heads) * PANEL + j;
}

/** Calls for all tokens of rows, heads and tokens of the source. */
function forPairs(
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
function fillUp(o: Pairs, scores: Tensor, [row0, row1]: Rows): void {
  for (let row = row0; row < row1; row++) {
    const { own, source } = pairsOf(o, row);
    for (let head = 0; head < o.heads; head++) {
      for (let j = source.length; j % PANEL !== 0; j++) {
        for (const i of own) setElement(scores, i, columnOf(scores, o.heads, head, j), 0);
      }
    }
  }
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

function add(matrix: Tensor, row: number, column: number, value: number): void {
  setElement(matrix, row, column, element(matrix, row, column) + value);
}

/** Sets what is not added to what is there to zero. */
function begin(o: Pairs & Gradients, [row0, row1]: Rows): void {
  for (let row = row0; row < row1; row++) {
    const { own, source } = pairsOf(o, row);
    if (!o.addsQueries) clear(o.dQueries, own);
    if (!o.addsKeys) clear(o.dKeys, source);
  }
}

function clear(matrix: Tensor, places: readonly number[]): void {
  for (const place of places) {
    for (const column of columnsOf(matrix, 1, 0)) setElement(matrix, place, column, 0);
  }
}

/** What a call does, for all pairs of its rows: so many operations on each column of so wide vectors. */
function pairWork(
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
          const scores = columns.map((column) => element(o.scores, i, column));
          const powers = scores.map((score) => Math.exp(score - Math.max(...scores)));
          const sum = powers.reduce((all, each) => all + each, 0);
          columns.forEach((column, j) => setElement(o.scores, i, column, powers[j]! / sum));
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
