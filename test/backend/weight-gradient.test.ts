import { describe, expect, it } from 'vitest';
import { LSTM_ROWS } from '../../src/backend/kernels/lstm.js';
import { PLAIN_ROWS, packedPanels, unitsOf, type RowMap } from '../../src/backend/kernels/rows.js';
import { GRADIENT_SCRATCH, weightGradient } from '../../src/backend/kernels/weight-gradient.js';
import { PANEL, panelsOf } from '../../src/tensor/heap.js';
import { describeContract, itHasEqualBits, outcomeOf, type KernelCase } from './contract.js';
import { compiled } from './implementations.js';
import { nameOf, partialMaps } from './row-maps.js';
import { EPSILON, floatsOf, uniform } from './workbench.js';

interface GradientCase {
  /** Rows of the weight matrix: the map's blocks one behind the other. */
  rows: number;
  columns: number;
  map?: RowMap;
  /** First k of every shard, and the end of the last. */
  segments: number[];
  orders?: 'both' | 'output' | 'none';
  biasCopies?: number;
  /** Ranges of units, one call each. */
  calls?: [number, number][];
}

const one = [0, 61];
const four = [0, 20, 20, 33, 61];
const sixteen = [0, 0, 1, 9, 10, 10, 10, 18, 25, 31, 40, 47, 48, 48, 55, 61, 61];
/** More tokens than fit into the second-level cache at once. */
const long = [0, 1500, 4600, 4600, 9000];
/** A permutation of the tokens; `step` must have no divisor in common with their number. */
const upTo = (end: number): number[] => Array.from({ length: end }, (_, i) => i);

/** A permutation in which pieces of one to eleven tokens stay together. */
function inPieces(tokens: number, step: number): number[] {
  const pieces: number[][] = [];
  for (let k = 0; k < tokens; k += pieces.at(-1)!.length) {
    const length = Math.min(tokens - k, 1 + ((pieces.length * step) % 11));
    pieces.push(upTo(length).map((i) => k + i));
  }
  const rank = (piece: number[]): number => (piece[0]! * step) % 101;
  return pieces.sort((a, b) => rank(a) - rank(b) || a[0]! - b[0]!).flat();
}

/** How many tokens from each one on lie one behind the other in both orders. */
function runsOf(outputs: number[], inputs: number[]): number[] {
  const runs = outputs.map(() => 1);
  for (let k = outputs.length - 2; k >= 0; k--) {
    const goesOn = outputs[k + 1] === outputs[k]! + 1 && inputs[k + 1] === inputs[k]! + 1;
    if (goesOn) runs[k] = runs[k + 1]! + 1;
  }
  return runs;
}

function gradientCase({
  rows,
  columns,
  map = PLAIN_ROWS,
  segments,
  orders = 'both',
  biasCopies = 0,
  calls,
}: GradientCase): KernelCase {
  const units = unitsOf(rows, map);
  const ranges = calls ?? [[0, units]];
  return {
    name:
      `${rows} × ${columns}${nameOf(map)}, shards at ${segments.join(' ')}, ` +
      `orders ${orders}, bias × ${biasCopies}, units ${ranges.map((r) => r.join('–')).join(' ')}`,
    prepare(bench) {
      const tokens = segments.at(-1)!;
      const dOutput = bench.panels(
        'd output',
        tokens,
        packedPanels(rows, map) * PANEL,
        uniform(1, 1),
      );
      const input = bench.panels('input', tokens, columns, uniform(1, 2));
      const outputs = inPieces(tokens, 17);
      const inputs = orders === 'both' ? inPieces(tokens, 23) : upTo(tokens);
      const orderOutput = bench.indices('output order', outputs);
      const orderInput = bench.indices('input order', inputs);
      const runs = bench.indices('runs', runsOf(outputs, inputs));
      const out = bench.tensor('out', [rows, panelsOf(columns) * PANEL]);
      const bias = bench.tensor('bias', [rows]);
      const squares = bench.doubles('squares', units);
      // One rounding a token, of partial sums that stay below 4 √tokens; the squares of 16 rows of those.
      const tolerance = tokens * EPSILON * 4 * Math.sqrt(tokens);
      bench.allow('out', tolerance);
      bench.allow('bias', tolerance);
      bench.allow('squares', 2 * tolerance * 16 * (columns + 2) * 4);
      const call = bench.backend.bind(weightGradient, {
        dOutput,
        input,
        ...(orders !== 'none' && { orderOutput, runs }),
        ...(orders === 'both' && { orderInput }),
        segments: bench.indices('segments', segments),
        out,
        rows: map,
        ...(biasCopies > 0 && { bias: { out: bias, copies: biasCopies } }),
        squares,
        scratch: bench.scratch('scratch', GRADIENT_SCRATCH),
      });
      return () => ranges.forEach(([from, to]) => call(from, to));
    },
  };
}

describeContract('weightGradient', [
  ...[1, 15, 16, 17, 33, 49].flatMap((columns) =>
    [one, four, sixteen].map((segments) =>
      gradientCase({ rows: 40, columns, segments, biasCopies: 1 }),
    ),
  ),
  ...[7, 16, 20, 33].map((hidden) =>
    gradientCase({ rows: 4 * hidden, columns: 20, map: LSTM_ROWS, segments: four, biasCopies: 2 }),
  ),
  ...partialMaps.flatMap((map) =>
    [7, 16, 20, 48].map((height) =>
      gradientCase({
        rows: map.blocks * height,
        columns: 33,
        map,
        segments: four,
        biasCopies: 1,
      }),
    ),
  ),
  gradientCase({
    rows: 3 * 40,
    columns: 49,
    map: partialMaps[1]!,
    segments: sixteen,
    calls: [
      [2, 3],
      [3, 8],
    ],
  }),
  gradientCase({ rows: 3, columns: 20, segments: sixteen }),
  gradientCase({ rows: 18, columns: 17, segments: long, biasCopies: 1 }),
  gradientCase({ rows: 16, columns: 48, segments: four, orders: 'output' }),
  gradientCase({ rows: 90, columns: 100, segments: four, biasCopies: 1 }),
  gradientCase({ rows: 90, columns: 17, segments: sixteen, orders: 'none', calls: [[1, 6]] }),
  gradientCase({
    rows: 80,
    columns: 33,
    map: LSTM_ROWS,
    segments: sixteen,
    biasCopies: 2,
    calls: [[3, 5]],
  }),
]);

const shared = { rows: 132, columns: 49, map: LSTM_ROWS, segments: sixteen, biasCopies: 2 };
itHasEqualBits(
  'a unit of weights has the same gradient bits whoever computes the others',
  gradientCase({ ...shared, calls: [[0, 12]] }),
  gradientCase({
    ...shared,
    calls: [
      [7, 12],
      [0, 1],
      [1, 7],
    ],
  }),
);

describe.each(compiled.filter(({ missing }) => missing === undefined))(
  'weightGradient, $name',
  (implementation) => {
    const sumOf = (segments: number[]): Float32Array => {
      const gradient = gradientCase({
        rows: 20,
        columns: 17,
        segments,
        orders: 'none',
        biasCopies: 1,
      });
      const { after } = outcomeOf(gradient, implementation);
      return Float32Array.of(...floatsOf(after, 'out'), ...floatsOf(after, 'bias'));
    };

    it.each([four, long])('adds the sums of four shards as a balanced tree', (...segments) => {
      const [a, b, c, d] = [0, 1, 2, 3].map((s) => sumOf([segments[s]!, segments[s + 1]!]));
      const tree = a!.map((_, i) => Math.fround(a![i]! + b![i]!) + Math.fround(c![i]! + d![i]!));
      expect(sumOf(segments)).toEqual(tree);
    });
  },
);
