import { describe, expect, it } from 'vitest';
import { dropRows, dropWeights } from '../../src/backend/kernels/drop-weights.js';
import type { RowMap } from '../../src/backend/kernels/rows.js';
import { PLAIN_ROWS, unitsOf } from '../../src/backend/kernels/rows.js';
import { describeContract, itHasEqualBits, outcomeOf, type KernelCase } from './contract.js';
import { compiled, reference } from './implementations.js';
import { EPSILON, floatsOf, uniform } from './workbench.js';

interface MaskCase {
  rate?: number;
  seed?: number;
  stream?: number;
  step?: number;
  calls?: [number, number][];
}

const nameOf = ({ rate = 0.5, seed = 17, stream = 3, step = 1, calls = [] }: MaskCase): string =>
  `rate ${rate}, seed ${seed}, stream ${stream}, step ${step}, calls ${calls.map((r) => r.join('–')).join(' ')}`;

function rowsCase(rows: number, columns: number, mask: MaskCase = {}): KernelCase {
  const { rate = 0.5, seed = 17, stream = 3, step = 1, calls = [[0, rows]] } = mask;
  return {
    name: `${rows} × ${columns}, ${nameOf(mask)}`,
    prepare(bench) {
      const matrix = bench.panels('matrix', rows, columns, uniform(1, 1));
      bench.allow('matrix', (3 * EPSILON) / (1 - rate));
      const numbers = bench.indices(
        'numbers',
        Array.from({ length: rows }, (_, row) => (row * 7 + 3) % 10_007),
      );
      const call = bench.backend.bind(dropRows, {
        ...{ matrix, numbers, rate, seed, stream },
        step: bench.doubles('step', [step]),
      });
      return () => calls.forEach(([begin, end]) => call(begin, end));
    },
  };
}

function weightsCase(
  rows: number,
  columns: number,
  mask: MaskCase & { map?: RowMap; gradient?: boolean } = {},
): KernelCase {
  const { rate = 0.5, seed = 17, stream = 3, step = 1, map = PLAIN_ROWS, gradient = false } = mask;
  const units = unitsOf(rows, map);
  const { calls = [[0, units]] } = mask;
  return {
    name: `${rows} × ${columns} of ${map.blocks}, ${nameOf(mask)}${gradient ? ', a gradient' : ''}`,
    prepare(bench) {
      const padded = Math.ceil(columns / 16) * 16;
      const values = uniform(1, 1);
      const weight = bench.tensor('weight', [rows, gradient ? padded : columns], (row, column) =>
        column < columns ? values(row, column) : 0,
      );
      const out = gradient ? weight : bench.tensor('out', [rows, columns]);
      bench.allow(gradient ? 'weight' : 'out', (3 * EPSILON) / (1 - rate));
      const bias = { values: bench.tensor('bias', [rows], uniform(1, 2)), copies: 2 };
      const squares = gradient && { out: bench.doubles('squares', units), bias };
      if (squares) bench.allow('squares', 1e-3);
      const call = bench.backend.bind(dropWeights, {
        ...{ weight, out, rows: map, rate, seed, stream },
        ...(squares && { squares }),
        step: bench.doubles('step', [step]),
      });
      return () => calls.forEach(([begin, end]) => call(begin, end));
    },
  };
}

const gru: RowMap = { blocks: 3, of: 4, panels: [0, 1, 3] };
describeContract('drop rows', [
  rowsCase(1, 5),
  rowsCase(9, 16),
  rowsCase(40, 33, { calls: [[3, 31]], rate: 0.2 }),
  rowsCase(40, 33, { seed: 4_294_967_295, step: 123_456 }),
]);
const sizes = [1, 7, 8, 15, 16, 17, 33, 63, 64, 65, 100];
describeContract('drop weights', [
  ...sizes.flatMap((columns) => [
    weightsCase(20, columns),
    weightsCase(21, columns, { map: gru, gradient: true, rate: 0.3 }),
  ]),
  weightsCase(60, 20, { map: gru, calls: [[2, 5]] }),
  weightsCase(20, 20, { seed: 4_294_967_295, stream: 4_294_967_295, step: 123_456 }),
]);

itHasEqualBits(
  'a row is dropped or not whatever the call',
  rowsCase(50, 20),
  rowsCase(50, 20, {
    calls: [
      [31, 50],
      [0, 7],
      [7, 31],
    ],
  }),
);
itHasEqualBits(
  'a weight is dropped or not whatever the call',
  weightsCase(96, 40, { map: gru, gradient: true }),
  weightsCase(96, 40, {
    ...{ map: gru, gradient: true },
    calls: [
      [4, 6],
      [0, 3],
      [3, 4],
    ],
  }),
);

describe.each([reference, ...compiled].filter(({ missing }) => missing === undefined))(
  'masks of weights, $name',
  (implementation) => {
    const zerosOf = (kernelCase: KernelCase, name: string): boolean[] =>
      Array.from(floatsOf(outcomeOf(kernelCase, implementation).after, name), (x) => x === 0);

    it.each([0.1, 0.5])('drop a share of %d', (rate) => {
      const dropped = zerosOf(weightsCase(96, 200, { rate }), 'out');
      const share = dropped.filter(Boolean).length / dropped.length;
      // Independent draws: four standard deviations.
      expect(Math.abs(share - rate)).toBeLessThan(
        4 * Math.sqrt((rate * (1 - rate)) / dropped.length),
      );
    });

    it('drop the gradients of what they drop of the weights', () => {
      const weights = zerosOf(weightsCase(96, 64), 'out');
      expect(zerosOf(weightsCase(96, 64, { gradient: true }), 'weight')).toEqual(weights);
    });

    it.each([{ seed: 18 }, { stream: 1 }, { step: 2 }])(
      'are drawn afresh for another %o',
      (other) => {
        const [a, b] = [{}, other].map((mask) => zerosOf(weightsCase(96, 200, mask), 'out'));
        const equal = a!.filter((dropped, i) => dropped === b![i]).length / a!.length;
        expect(Math.abs(equal - 0.5)).toBeLessThan(2 / Math.sqrt(a!.length));
      },
    );

    it('take whole rows, or leave them', () => {
      const { after } = outcomeOf(rowsCase(199, 16), implementation);
      const values = floatsOf(after, 'matrix').subarray(0, 199 * 16);
      const rows = Array.from({ length: 199 }, (_, row) =>
        values.subarray(row * 16, row * 16 + 16),
      );
      const dropped = rows.filter((row) => row.every((value) => value === 0)).length;
      expect(rows.filter((row) => row.some((value) => value === 0)).length).toBe(dropped);
      expect(Math.abs(dropped / 199 - 0.5)).toBeLessThan(2 / Math.sqrt(199));
    });
  },
);
