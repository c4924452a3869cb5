import { product } from '../../src/backend/kernels/product.js';
import { PANEL } from '../../src/tensor/heap.js';
import { describeContract, itHasEqualBits, type KernelCase } from './contract.js';
import { EPSILON, uniform } from './workbench.js';

type Start = 'zero' | 'bias' | 'result';

interface ProductCase {
  rows: number;
  panels: number;
  kPanels: number;
  start: Start;
  /** Row ranges, one call each. */
  calls: [number, number][];
}

function productCase({ rows, panels, kPanels, start, calls }: ProductCase): KernelCase {
  const ranges = calls.map(([from, to]) => `[${from}, ${to})`).join(' ');
  return {
    name: `${rows} rows, ${panels} panels, ${kPanels} k-panels, from ${start}, ${ranges}`,
    prepare(bench) {
      const k = kPanels * PANEL;
      const a = bench.panels('a', rows, k, uniform(1, 1));
      const b = bench.panels('b', k, panels * PANEL, uniform(1, 2));
      const c = bench.panels(
        'c',
        rows,
        panels * PANEL,
        start === 'result' ? uniform(1, 3) : undefined,
      );
      const bias = bench.tensor('bias', [panels * PANEL], uniform(1, 4));
      // k roundings, each of a partial sum of products below 1: such sums stay below 4 √k.
      bench.allow('c', k * EPSILON * 4 * Math.sqrt(k));
      const call = bench.backend.bind(product, {
        a,
        b,
        c,
        start: start === 'bias' ? { bias } : start,
      });
      return () => calls.forEach(([from, to]) => call(from, to));
    },
  };
}

const heights = [1, 11, 12, 13, 25, 241];
const starts: Start[] = ['zero', 'bias', 'result'];
const cases: KernelCase[] = [
  ...heights.flatMap((rows) =>
    starts.map((start) => productCase({ rows, panels: 3, kPanels: 2, start, calls: [[0, rows]] })),
  ),
  ...[1, 2, 3, 4, 5, 6, 7, 9].flatMap((panels) =>
    [1, 2, 33].map((kPanels) =>
      productCase({ rows: 14, panels, kPanels, start: 'bias', calls: [[0, 13]] }),
    ),
  ),
  ...starts.map((start) =>
    productCase({ rows: 30, panels: 3, kPanels: 33, start, calls: [[4, 21]] }),
  ),
  // Every height of a tile as wide as four panels, where these stay in the nearest cache, and right behind.
  ...[1, 2, 3, 4, 5, 6, 7].flatMap((rows) =>
    [8, 9].map((kPanels) =>
      productCase({ rows, panels: 4, kPanels, start: 'result', calls: [[0, rows]] }),
    ),
  ),
  productCase({ rows: 245, panels: 2, kPanels: 33, start: 'result', calls: [[2, 244]] }),
  // No rows at all, then one, so that there is something to see.
  productCase({
    rows: 20,
    panels: 2,
    kPanels: 1,
    start: 'zero',
    calls: [
      [7, 7],
      [9, 10],
    ],
  }),
];

describeContract('product', cases);

const whole = { rows: 241, panels: 3, kPanels: 33, start: 'bias' } as const;
itHasEqualBits(
  'product gives a row the same bits however many rows are in the call',
  productCase({ ...whole, calls: [[0, 241]] }),
  productCase({
    ...whole,
    calls: [
      [0, 1],
      [1, 12],
      [12, 15],
      [15, 200],
      [200, 241],
    ],
  }),
);
