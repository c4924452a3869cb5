import { describe, expect, it } from 'vitest';
import { LSTM_ROWS } from '../../src/backend/kernels/lstm.js';
import { packPairs, roundPairs } from '../../src/backend/kernels/pack-bfloat16.js';
import { productBfloat16 } from '../../src/backend/kernels/product-bfloat16.js';
import { unitsOf, packedPanels, PLAIN_ROWS, type RowMap } from '../../src/backend/kernels/rows.js';
import { PANEL } from '../../src/tensor/heap.js';
import { describeContract, itHasEqualBits, outcomeOf, type KernelCase } from './contract.js';
import { amx, compiled, reference } from './implementations.js';
import { partialMaps } from './row-maps.js';
import { floatsOf, uniform, type Fill } from './workbench.js';

/*
 * No case allows any difference: every set of instructions, with and without fused multiply-adds, is to have the bits of the reference.
 */
const implementations = [amx, ...compiled];

/** Numbers of any sign and of exponents from `least` to `most`, those of float32's smallest among them. */
function scattered(least: number, most: number, stream: number): Fill {
  const [mantissa, exponent] = [uniform(1, stream), uniform(0.5, stream + 100)];
  return (row, column) => {
    const place = exponent(row, column) + 0.5;
    return mantissa(row, column) * 2 ** Math.floor(least + place * (most - least + 1));
  };
}

const FILLS: Record<string, (stream: number) => Fill> = {
  'numbers like those of training': (stream) => uniform(1, stream),
  'exponents from the smallest to 2^30': (stream) => scattered(-148, 30, stream),
  'exponents around the least input': (stream) => scattered(-54, -46, stream),
};

interface ProductCase {
  rows: number;
  panels: number;
  k: number;
  start: 'zero' | 'bias' | 'result';
  numbers?: string;
  calls?: [number, number][];
}

function productCase(each: ProductCase): KernelCase {
  const { rows, panels, k, start, numbers = Object.keys(FILLS)[0]! } = each;
  const calls = each.calls ?? [[0, rows]];
  const ranges = calls.map(([from, to]) => `[${from}, ${to})`).join(' ');
  const fill = FILLS[numbers] ?? FILLS_BEYOND[numbers]!;
  // Products of the least inputs would vanish beside one of these.
  const starting = numbers.includes('least')
    ? (stream: number) => scattered(-148, -95, stream)
    : fill;
  return {
    name: `${rows} rows, ${panels} panels, k = ${k}, from ${start}, ${ranges}, ${numbers}`,
    prepare(bench) {
      const n = panels * PANEL;
      const a = bench.pairs('a', rows, k, fill(1));
      const b = bench.pairedPanels('b', k, n, fill(2));
      const c = bench.panels('c', rows, n, start === 'result' ? starting(3) : undefined);
      const bias = bench.tensor('bias', [n], starting(4));
      const from = start === 'bias' ? { bias } : start;
      const call = bench.backend.bind(productBfloat16, { a, b, c, start: from });
      return () => calls.forEach((range) => call(...range));
    },
  };
}

const starts = ['zero', 'bias', 'result'] as const;
describeContract(
  'productBfloat16',
  [
    ...Object.keys(FILLS).flatMap((numbers) =>
      starts.flatMap((start) => [
        productCase({ rows: 21, panels: 3, k: 84, start, numbers }),
        productCase({ rows: 49, panels: 2, k: 128, start, numbers }),
      ]),
    ),
    ...[1, 2, 7, 13, 15, 16, 17, 29, 31, 32, 33, 48, 63].flatMap((rows) =>
      [1, 2].map((panels) => productCase({ rows, panels, k: 48, start: 'bias' })),
    ),
    ...[1, 2, 3, 4, 5, 6, 7, 9].map((panels) =>
      productCase({ rows: 14, panels, k: 32, start: 'result', calls: [[1, 12]] }),
    ),
    ...[1, 15, 16, 17, 31, 32, 33, 650].map((k) =>
      productCase({ rows: 5, panels: 1, k, start: 'zero' }),
    ),
    productCase({ rows: 260, panels: 2, k: 16, start: 'zero', calls: [[2, 259]] }),
    // No rows at all, then one, so that there is something to see.
    productCase({
      rows: 20,
      panels: 2,
      k: 40,
      start: 'bias',
      calls: [
        [7, 7],
        [9, 10],
      ],
    }),
  ],
  implementations,
);

const whole = { rows: 75, panels: 3, k: 80, start: 'bias' } as const;
itHasEqualBits(
  'productBfloat16 gives a row the same bits however many rows are in the call',
  productCase(whole),
  productCase({
    ...whole,
    calls: [
      [0, 1],
      [1, 12],
      [12, 45],
      [45, 75],
    ],
  }),
  implementations,
);

/*
 * Sums that overflow, infinite inputs and NaN. Which bits a NaN has is not promised, WebAssembly leaves it open; a step whose results
 * are not finite is not taken.
 */
const FILLS_BEYOND: Record<string, (stream: number) => Fill> = {
  'exponents up to 2^63': (stream) => scattered(61, 63, stream),
  'infinite and huge ones': (stream) => scattered(55, 90, stream),
  'NaN here and there': (stream) => {
    const drawn = uniform(1, stream);
    return (row, column) => (Math.abs(drawn(row, column)) > 0.99 ? NaN : drawn(row, column));
  },
};

describe.each(implementations)('productBfloat16 beyond finite numbers, $name', (one) => {
  if (one.missing !== undefined) {
    it.skip(`cannot run here: ${one.missing}`, () => undefined);
    return;
  }
  it.each(Object.keys(FILLS_BEYOND))(
    'is infinite, or no number, where the reference is: %s',
    (numbers) => {
      const beyond = productCase({ rows: 33, panels: 2, k: 96, start: 'bias', numbers });
      const [expected, actual] = [reference, one].map((each) =>
        floatsOf(outcomeOf(beyond, each).after, 'c'),
      );
      expect(expected!.some((value) => !Number.isFinite(value))).toBe(true);
      expect(actual).toEqual(expected);
    },
  );
});

function roundCase(
  rows: number,
  columns: number,
  numbers: string,
  range: [number, number] = [0, rows],
): KernelCase {
  return {
    name: `${rows} × ${columns}, rows [${range.join(', ')}), ${numbers}`,
    prepare(bench) {
      const input = bench.panels('input', rows, columns, (FILLS[numbers] ?? edges)(1));
      const out = bench.pairs('out', rows, columns);
      const call = bench.backend.bind(roundPairs, { input, out });
      return () => call(...range);
    },
  };
}

/** Halfway between two numbers of bfloat16 and right beside it, and where inputs become zeros or infinite. */
const EDGES = [1, 2 ** -50, 2 ** 62, 2 ** 63, 2 ** 127].flatMap((scale) =>
  [
    1,
    1 + 2 ** -8,
    1 + 3 * 2 ** -8,
    1 + 2 ** -8 + 2 ** -23,
    1 - 2 ** -9,
    1 - 2 ** -24,
    2 - 2 ** -9,
    -1,
  ].map((value) => scale * value),
);
const edges = (): Fill => (row, column) =>
  [...EDGES, 0, -0, 2 ** -149, Infinity, -Infinity, NaN][(row * 37 + column) % (EDGES.length + 6)]!;

describeContract(
  'roundPairs',
  [
    ...Object.keys(FILLS).map((numbers) => roundCase(11, 40, numbers)),
    ...[1, 16, 17, 32, 33, 64].map((columns) => roundCase(3, columns, Object.keys(FILLS)[0]!)),
    roundCase(60, 48, 'edges'),
    roundCase(20, 48, Object.keys(FILLS)[0]!, [3, 18]),
  ],
  implementations,
);

interface PackCase {
  rows: number;
  columns: number;
  map?: RowMap;
  isBackward?: boolean;
  units?: [number, number];
}

function packCase({
  rows,
  columns,
  map = PLAIN_ROWS,
  isBackward = true,
  units,
}: PackCase): KernelCase {
  const [from, to] = units ?? [0, unitsOf(rows, map)];
  return {
    name: `${rows} × ${columns} in ${map.blocks} blocks, units [${from}, ${to})${isBackward ? '' : ', forwards alone'}`,
    prepare(bench) {
      const weight = bench.tensor('weight', [rows, columns], scattered(-60, 10, 1));
      const packed = packedPanels(rows, map) * PANEL;
      const forward = bench.pairedPanels('forward', columns, packed, () => 0);
      const backward = bench.pairedPanels('backward', packed, columns, () => 0);
      const call = bench.backend.bind(packPairs, {
        weight,
        rows: map,
        forward,
        ...(isBackward && { backward }),
      });
      return () => call(from, to);
    },
  };
}

describeContract(
  'packPairs',
  [
    ...[1, 15, 16, 17, 33].map((columns) => packCase({ rows: 37, columns })),
    ...[7, 16, 20].map((hidden) => packCase({ rows: 4 * hidden, columns: 20, map: LSTM_ROWS })),
    packCase({ rows: 132, columns: 20, map: LSTM_ROWS, units: [3, 9] }),
    ...partialMaps.map((map) => packCase({ rows: map.blocks * 20, columns: 20, map })),
    packCase({ rows: 37, columns: 20, isBackward: false }),
  ],
  implementations,
);
