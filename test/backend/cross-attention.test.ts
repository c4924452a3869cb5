import { describe, expect, it } from 'vitest';
import type { Pairs } from '../../src/backend/kernels/attention-pairs.js';
import {
  additiveBackward,
  additiveScores,
  crossAttend,
  crossAttendBackward,
  dotBackward,
  dotScores,
} from '../../src/backend/kernels/cross-attention.js';
import { PANEL, type Tensor } from '../../src/tensor/heap.js';
import { describeContract, outcomeOf, type KernelCase } from './contract.js';
import { compiled } from './implementations.js';
import { PLACES, ROWS, rowsOf } from './rows.js';
import { EPSILON, floatsOf, uniform, type Workbench } from './workbench.js';

/** Tokens of the sources: one fills a panel, one begins another. */
const LENGTHS = [4, 16, 1, 17, 2];
const SOURCE_PLACES = 43;
const HEAD_PANELS = 2;
/** Whose source each row has, where that is not its own. */
const GIVERS = [3, 0, 1, 3, 4];

const calls: [number, number][] = [
  [0, 1],
  [1, ROWS],
];

interface Heads {
  heads: number;
  /** Of all heads. */
  columns: number;
  isGiven?: boolean;
}

function pairsOf(bench: Workbench, { heads, isGiven }: Heads): Pairs {
  const rowStart = [0];
  for (const length of LENGTHS) rowStart.push(rowStart.at(-1)! + length);
  const places = Array.from(
    { length: rowStart.at(-1)! },
    (_, token) => (token * 5 + 2) % SOURCE_PLACES,
  );
  return {
    ...rowsOf(bench),
    source: {
      rowStart: bench.indices('source start', rowStart),
      tokenPlaces: bench.indices('source places', places),
    },
    ...(isGiven && { sourceRow: bench.indices('source row', GIVERS) }),
    heads,
  };
}

/** Scores, weights or their gradients: filled where tokens meet, and with zeros to the end of the panel. */
function scoresOf(
  bench: Workbench,
  name: string,
  { heads, isGiven }: Heads,
  value?: (row: number, column: number) => number,
): Tensor {
  const { rowStart, tokenPlaces } = rowsOf(bench);
  const sources = new Map<number, number>();
  for (let row = 0; row < ROWS; row++) {
    for (let token = rowStart.get(row); token < rowStart.get(row + 1); token++) {
      sources.set(tokenPlaces.get(token), LENGTHS[isGiven ? GIVERS[row]! : row]!);
    }
  }
  const columns = HEAD_PANELS * PANEL;
  return bench.panels(
    name,
    PLACES,
    heads * columns,
    value &&
      ((row, column) =>
        column % columns < (sources.get(row) ?? 0) ? value(row, column % columns) : 0),
  );
}

const vectors = (bench: Workbench, name: string, { columns }: Heads, stream: number) => ({
  own: () => bench.panels(name, PLACES, columns, uniform(1, stream)),
  source: () => bench.panels(name, SOURCE_PLACES, columns, uniform(1, stream)),
});

function scoreCase(kind: 'dot' | 'additive', heads: Heads): KernelCase {
  return {
    name: `${kind} scores, ${sketch(heads)}`,
    prepare(bench) {
      const operands = {
        ...pairsOf(bench, heads),
        queries: vectors(bench, 'queries', heads, 1).own(),
        keys: vectors(bench, 'keys', heads, 2).source(),
        scores: scoresOf(bench, 'scores', heads),
      };
      bench.allow('scores', 4 * heads.columns * EPSILON);
      const call =
        kind === 'dot'
          ? bench.backend.bind(dotScores, operands)
          : bench.backend.bind(additiveScores, { ...operands, vector: vectorOf(bench, heads) });
      return () => calls.forEach((rows) => call(...rows));
    },
  };
}

/** The packed weight has it in the first row of 16. */
const vectorOf = (bench: Workbench, { columns }: Heads): Tensor =>
  bench.panels('vector', PANEL, columns, (row, column) => (row > 0 ? 0 : uniform(1, 3)(0, column)));

function backwardCase(kind: 'dot' | 'additive', heads: Heads, adds: boolean): KernelCase {
  return {
    name: `gradients of ${kind} scores, ${sketch(heads)}${adds ? ', added' : ''}`,
    prepare(bench) {
      const fill = (stream: number) => (adds ? uniform(1, stream) : undefined);
      const operands = {
        ...pairsOf(bench, heads),
        queries: vectors(bench, 'queries', heads, 1).own(),
        keys: vectors(bench, 'keys', heads, 2).source(),
        dScores: scoresOf(bench, 'd scores', heads, uniform(1, 4)),
        dQueries: bench.panels('d queries', PLACES, heads.columns, fill(5)),
        dKeys: bench.panels('d keys', SOURCE_PLACES, heads.columns, fill(6)),
        ...{ addsQueries: adds, addsKeys: adds },
      };
      bench.allow('d queries', 64 * EPSILON);
      bench.allow('d keys', 64 * EPSILON);
      if (kind === 'dot') {
        const call = bench.backend.bind(dotBackward, operands);
        return () => calls.forEach((rows) => call(...rows));
      }
      const dVector = bench.panels('d vector', PLACES, heads.columns);
      bench.allow('d vector', 64 * EPSILON);
      const call = bench.backend.bind(additiveBackward, {
        ...{ ...operands, dVector, vector: vectorOf(bench, heads) },
        ones: bench.panels('ones', PLACES, 1),
      });
      return () => calls.forEach((rows) => call(...rows));
    },
  };
}

function attendCase(heads: Heads, spread: number): KernelCase {
  return {
    name: `sums, ${sketch(heads)}, scores within ${spread}`,
    prepare(bench) {
      const scores = scoresOf(bench, 'scores', heads, uniform(spread, 1));
      bench.allow('scores', 16 * EPSILON);
      const values = vectors(bench, 'values', heads, 2).source();
      const out = bench.panels('out', PLACES, heads.columns);
      bench.allow('out', 32 * EPSILON);
      const pairs = pairsOf(bench, heads);
      const call = bench.backend.bind(crossAttend, { ...pairs, scores, values, out });
      return () => calls.forEach((rows) => call(...rows));
    },
  };
}

function attendBackwardCase(heads: Heads, adds: boolean): KernelCase {
  return {
    name: `gradients of sums, ${sketch(heads)}${adds ? ', added' : ''}`,
    prepare(bench) {
      const weights = scoresOf(bench, 'weights', heads, (row) => (1 + (row % 7)) / 40);
      const values = vectors(bench, 'values', heads, 2).source();
      const dOut = bench.panels('d out', PLACES, heads.columns, uniform(1, 3));
      const fill = adds ? uniform(1, 4) : undefined;
      const dValues = bench.panels('d values', SOURCE_PLACES, heads.columns, fill);
      bench.allow('d values', 32 * EPSILON);
      const dScores = scoresOf(bench, 'd scores', heads);
      bench.allow('d scores', 16 * EPSILON * heads.columns);
      const call = bench.backend.bind(crossAttendBackward, {
        ...{ ...pairsOf(bench, heads), weights, values, dOut, dValues, adds, dScores },
      });
      return () => calls.forEach((rows) => call(...rows));
    },
  };
}

const sketch = ({ heads, columns, isGiven }: Heads): string =>
  `${columns} columns, ${heads} heads${isGiven ? ', sources of others' : ''}`;

const kinds: Heads[] = [
  { heads: 1, columns: 1 },
  { heads: 1, columns: 33 },
  { heads: 2, columns: 64 },
  { heads: 1, columns: 16, isGiven: true },
];
const both = [false, true];

describe.each(compiled.filter(({ missing }) => missing === undefined))(
  '$name',
  (implementation) => {
    it('gives no weight where it could not be seen beside the others, so that no way back is below the normal numbers', () => {
      const { after } = outcomeOf(attendCase({ heads: 1, columns: 16 }, 300), implementation);
      const weights = floatsOf(after, 'scores').filter((weight) => weight > 0);
      expect(weights.length).toBeGreaterThan(PLACES / 2);
      expect(Math.min(...weights)).toBeGreaterThan(2 ** -41);
    });
  },
);

describeContract('dot attention', [
  ...kinds.map((heads) => scoreCase('dot', heads)),
  // Gradients are asked for in training, where every row has its own source.
  ...kinds.slice(0, 3).flatMap((heads) => both.map((adds) => backwardCase('dot', heads, adds))),
]);
describeContract('additive attention', [
  ...kinds.map((heads) => scoreCase('additive', heads)),
  ...kinds
    .slice(0, 3)
    .flatMap((heads) => both.map((adds) => backwardCase('additive', heads, adds))),
]);
describeContract('sums of attention', [
  ...kinds.map((heads) => attendCase(heads, 2)),
  attendCase({ heads: 2, columns: 32 }, 60),
  ...kinds.slice(0, 3).flatMap((heads) => both.map((adds) => attendBackwardCase(heads, adds))),
]);
