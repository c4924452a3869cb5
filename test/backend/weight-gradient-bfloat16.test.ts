import { describe, expect, it } from 'vitest';
import { LSTM_ROWS } from '../../src/backend/kernels/lstm.js';
import { PLAIN_ROWS, packedPanels, unitsOf, type RowMap } from '../../src/backend/kernels/rows.js';
import {
  pairedGradientScratch,
  pairedTokens,
  pairTokens,
  weightGradientBfloat16,
} from '../../src/backend/kernels/weight-gradient-bfloat16.js';
import { PANEL, panelsOf } from '../../src/tensor/heap.js';
import { describeContract, itHasEqualBits, outcomeOf, type KernelCase } from './contract.js';
import { amx, compiled } from './implementations.js';
import { nameOf, partialMaps } from './row-maps.js';
import { EPSILON, floatsOf, uniform } from './workbench.js';

const implementations = [amx, ...compiled];

/** First k of every shard, and the end of the last: groups of 32 tokens that are whole, nearly empty, and none at all. */
const one = [0, 61];
const four = [0, 20, 20, 52, 101];
const eight = [0, 0, 1, 33, 50, 66, 99, 99, 131];

/** A permutation of the tokens. */
function permutation(tokens: number, step: number): number[] {
  return Array.from({ length: tokens }, (_, i) => (i * step + 3) % tokens);
}

interface GradientCase {
  rows: number;
  columns: number;
  map?: RowMap;
  segments: number[];
  isOrdered?: boolean;
  biasCopies?: number;
  /** Ranges of units, one call each. */
  calls?: [number, number][];
}

function gradientCase({
  rows,
  columns,
  map = PLAIN_ROWS,
  segments,
  isOrdered = true,
  biasCopies = 0,
  calls,
}: GradientCase): KernelCase {
  const units = unitsOf(rows, map);
  const ranges = calls ?? [[0, units]];
  return {
    name:
      `${rows} × ${columns}${nameOf(map)}, shards at ${segments.join(' ')}${isOrdered ? ', in an order' : ''}, ` +
      `bias × ${biasCopies}, units ${ranges.map((r) => r.join('–')).join(' ')}`,
    prepare(bench) {
      const tokens = segments.at(-1)!;
      const dOutput = bench.panels(
        'd output',
        tokens,
        packedPanels(rows, map) * PANEL,
        uniform(1, 1),
      );
      const input = bench.panels('input', tokens, columns, uniform(1, 2));
      const paired = bench.pairedPanels(
        'paired',
        pairedTokens(tokens, segments.length - 1),
        columns,
      );
      const out = bench.tensor('out', [rows, panelsOf(columns) * PANEL]);
      const bias = bench.tensor('bias', [rows]);
      const squares = bench.doubles('squares', units);
      // Sums of products have the reference's bits; those of biases one rounding a token, of squares another order.
      const tolerance = tokens * EPSILON * 4 * Math.sqrt(tokens);
      bench.allow('bias', tolerance);
      bench.allow('squares', biasCopies * 2 * tolerance * 16 * 40 + 1e-6);
      const given = { segments: bench.indices('segments', segments) };
      const pair = bench.backend.bind(pairTokens, {
        ...{ ...given, input, out: paired },
        ...(isOrdered && { orderInput: bench.indices('inputs', permutation(tokens, 37)) }),
      });
      const call = bench.backend.bind(weightGradientBfloat16, {
        ...{ ...given, dOutput, input: paired, out, rows: map, squares },
        ...(isOrdered && { orderOutput: bench.indices('outputs', permutation(tokens, 17)) }),
        ...(biasCopies > 0 && { bias: { out: bias, copies: biasCopies } }),
        scratch: bench.scratch('scratch', pairedGradientScratch(tokens, segments.length - 1)),
      });
      return () => {
        pair(0, 1);
        pair(1, panelsOf(columns));
        ranges.forEach(([from, to]) => call(from, to));
      };
    },
  };
}

describeContract(
  'weightGradientBfloat16',
  [
    ...[1, 16, 17, 33, 49].flatMap((columns) =>
      [one, four, eight].map((segments) =>
        gradientCase({ rows: 40, columns, segments, biasCopies: 1 }),
      ),
    ),
    ...[7, 20, 33].map((hidden) =>
      gradientCase({
        rows: 4 * hidden,
        columns: 20,
        map: LSTM_ROWS,
        segments: four,
        biasCopies: 2,
      }),
    ),
    ...partialMaps.map((map) =>
      gradientCase({ rows: map.blocks * 20, columns: 33, map, segments: four, biasCopies: 1 }),
    ),
    gradientCase({ rows: 3, columns: 20, segments: eight }),
    gradientCase({ rows: 300, columns: 40, segments: four, isOrdered: false, biasCopies: 1 }),
    gradientCase({ rows: 90, columns: 17, segments: eight, calls: [[1, 6]] }),
  ],
  implementations,
);

const shared = { rows: 132, columns: 49, map: LSTM_ROWS, segments: eight, biasCopies: 2 };
itHasEqualBits(
  'a unit of weights has the same gradient bits whoever computes the others, in bfloat16',
  gradientCase({ ...shared, calls: [[0, 12]] }),
  gradientCase({
    ...shared,
    calls: [
      [7, 12],
      [0, 1],
      [1, 7],
    ],
  }),
  implementations,
);

describe.each(implementations.filter(({ missing }) => missing === undefined))(
  'weightGradientBfloat16, $name',
  (implementation) => {
    const sumOf = (segments: number[]): Float32Array => {
      const gradient = gradientCase({ rows: 20, columns: 17, segments, isOrdered: false });
      return floatsOf(outcomeOf(gradient, implementation).after, 'out');
    };

    it('adds the sums of four shards as a balanced tree', () => {
      const [a, b, c, d] = [0, 1, 2, 3].map((s) => sumOf([four[s]!, four[s + 1]!]));
      const tree = a!.map((_, i) => Math.fround(a![i]! + b![i]!) + Math.fround(c![i]! + d![i]!));
      expect(sumOf(four)).toEqual(tree);
    });
  },
);
