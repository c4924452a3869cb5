import { describe, expect, it } from 'vitest';
import { dropout } from '../../src/backend/kernels/dropout.js';
import { describeContract, itHasEqualBits, outcomeOf, type KernelCase } from './contract.js';
import { compiled, reference } from './implementations.js';
import { EPSILON, floatsOf, uniform, type Fill } from './workbench.js';

interface DropoutCase {
  rows: number;
  columns: number;
  rate: number;
  seed?: number;
  stream?: number;
  step?: number;
  calls?: [number, number][];
  inPlace?: boolean;
  numbered?: boolean;
  input?: Fill;
}

const ones: Fill = () => 1;

function dropoutCase({
  rows,
  columns,
  rate,
  seed = 17,
  stream = 0,
  step = 1,
  calls = [[0, rows]],
  inPlace = false,
  numbered = true,
  input = ones,
}: DropoutCase): KernelCase {
  return {
    name:
      `${rows} × ${columns}, rate ${rate}, seed ${seed}, stream ${stream}, step ${step}, ` +
      `rows ${calls.map((r) => r.join('–')).join(' ')}${inPlace ? ', in place' : ''}${numbered ? '' : ', numbered by themselves'}`,
    prepare(bench) {
      const from = bench.panels('input', rows, columns, input);
      const out = inPlace ? from : bench.panels('out', rows, columns);
      const numbers = Array.from({ length: rows }, (_, r) => (r * 3 + 1) % 1000);
      // The factor 1 / (1 − rate) is rounded, and its product: nothing beside a kept or dropped 1.
      bench.allow(inPlace ? 'input' : 'out', (3 * EPSILON) / (1 - rate));
      const call = bench.backend.bind(dropout, {
        input: from,
        out,
        ...(numbered && { numbers: bench.indices('numbers', numbers) }),
        rate,
        seed,
        stream,
        step: bench.doubles('step', [step]),
      });
      return () => calls.forEach(([begin, end]) => call(begin, end));
    },
  };
}

const large = { rows: 200, columns: 160 };
describeContract('dropout', [
  dropoutCase({ rows: 9, columns: 16, rate: 0.5 }),
  dropoutCase({ rows: 40, columns: 33, rate: 0.2, calls: [[3, 31]] }),
  dropoutCase({ rows: 9, columns: 20, rate: 0.9, inPlace: true }),
  dropoutCase({ rows: 9, columns: 20, rate: 0.4, numbered: false }),
  dropoutCase({ rows: 9, columns: 20, rate: 0.3, step: 123_456, stream: 3 }),
  dropoutCase({ rows: 9, columns: 20, rate: 0.3, seed: 4_294_967_295 }),
  dropoutCase({ rows: 9, columns: 20, rate: 0.25, input: uniform(1, 1), seed: 5 }),
  // Kernels draw up to four rows together: calls of one to five rows leave their neighbours alone.
  dropoutCase({
    rows: 20,
    columns: 33,
    rate: 0.5,
    calls: [
      [1, 2],
      [3, 5],
      [6, 9],
      [10, 14],
      [14, 19],
    ],
  }),
  dropoutCase({ ...large, rate: 0.1 }),
]);

itHasEqualBits(
  'the mask of a row does not depend on the call it is drawn in',
  dropoutCase({ ...large, rate: 0.5 }),
  dropoutCase({
    ...large,
    rate: 0.5,
    calls: [
      [50, 200],
      [0, 7],
      [7, 50],
    ],
  }),
);

describe.each([reference, ...compiled].filter(({ missing }) => missing === undefined))(
  'dropout, $name',
  (implementation) => {
    const maskOf = (options: DropoutCase): boolean[] => {
      const { after } = outcomeOf(dropoutCase(options), implementation);
      // Panels of 200 rows lie 201 rows apart: behind each is one of canaries.
      const elements = floatsOf(after, 'out').filter((_, i) => i % (16 * 201) < 16 * 200);
      return Array.from(elements, (element) => element === 0);
    };

    it.each([0.1, 0.5])('drops a share of %d', (rate) => {
      const mask = maskOf({ ...large, rate });
      const share = mask.filter(Boolean).length / mask.length;
      // 32,000 independent draws: four standard deviations.
      expect(Math.abs(share - rate)).toBeLessThan(4 * Math.sqrt((rate * (1 - rate)) / mask.length));
    });

    it.each([{ seed: 18 }, { stream: 1 }, { step: 2 }])('draws afresh for another %o', (other) => {
      const [a, b] = [maskOf({ ...large, rate: 0.5 }), maskOf({ ...large, rate: 0.5, ...other })];
      const equal = a.filter((dropped, i) => dropped === b[i]).length / a.length;
      // Independent masks agree on half their elements, within four standard deviations.
      expect(Math.abs(equal - 0.5)).toBeLessThan(2 / Math.sqrt(a.length));
    });
  },
);
