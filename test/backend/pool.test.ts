import { expect, it } from 'vitest';
import { pool, unpool, type PoolKind } from '../../src/backend/kernels/pool.js';
import { panelsOf, PANEL } from '../../src/tensor/heap.js';
import { describeContract, outcomeOf, type KernelCase } from './contract.js';
import { compiled, reference } from './implementations.js';
import { PLACES, ROWS, rowsOf } from './rows.js';
import { EPSILON, floatsOf, uniform, type Fill } from './workbench.js';

const kinds: PoolKind[] = ['max', 'mean', 'first', 'last'];
/** Few different values, so that many are equal. */
const steps: Fill = (row, column) => Math.round(3 * uniform(1, 1)(row, column));
const parts: [number, number][] = [
  [0, 1],
  [1, ROWS],
];

function poolCase(kind: PoolKind, columns: number, fill: Fill = steps): KernelCase {
  return {
    name: `${kind} of ${columns} columns`,
    prepare(bench) {
      const input = bench.panels('input', PLACES, columns, fill);
      const out = bench.panels('out', ROWS, columns);
      // A sum of up to 20 values of 3.
      bench.allow('out', kind === 'mean' ? 64 * EPSILON : 0);
      const chosen =
        kind === 'max' ? bench.indices('chosen', panelsOf(columns), ROWS, PANEL) : undefined;
      const call = bench.backend.bind(pool, {
        ...{ kind, input, out, ...rowsOf(bench) },
        ...(chosen && { chosen }),
      });
      return () => parts.forEach((rows) => call(...rows));
    },
  };
}

describeContract(
  'pool',
  kinds.flatMap((kind) => [1, 16, 33].map((columns) => poolCase(kind, columns))),
);

function unpoolCase(kind: PoolKind, columns: number, adds: boolean): KernelCase {
  return {
    name: `${kind} of ${columns} columns${adds ? ', added' : ''}`,
    prepare(bench) {
      const rows = rowsOf(bench);
      const input = bench.panels('input', PLACES, columns, steps);
      const out = bench.panels('out', ROWS, columns, uniform(1, 2));
      const chosen = bench.indices('chosen', panelsOf(columns), ROWS, PANEL);
      bench.backend.bind(pool, { kind: 'max', input, out, chosen, ...rows })(0, ROWS);
      const dOut = bench.panels('d out', ROWS, columns, uniform(1, 2));
      const dInput = bench.panels('d input', PLACES, columns, adds ? uniform(1, 3) : undefined);
      bench.allow('d input', kind === 'mean' || adds ? 2 * EPSILON : 0);
      const call = bench.backend.bind(unpool, {
        ...{ kind, dOut, dInput, adds, ...rows },
        ...(kind === 'max' && { chosen }),
      });
      return () => parts.forEach((some) => call(...some));
    },
  };
}

describeContract(
  'unpool',
  kinds.flatMap((kind) =>
    [1, 16, 33].flatMap((columns) => [false, true].map((adds) => unpoolCase(kind, columns, adds))),
  ),
);

it.each([reference, ...compiled].filter(({ missing }) => missing === undefined))(
  'a value that is not a number is no less than others, $name',
  (implementation) => {
    const { after } = outcomeOf(
      poolCase('max', 2, (row, column) => (column === 1 && row === 36 ? NaN : 0)),
      implementation,
    );
    // Row 0 has the places 3, 14 and 25, row 1 has 36.
    const [first, second] = [0, 1].map((row) => floatsOf(after, 'out')[row * PANEL + 1]!);
    expect([first, second]).toEqual([0, NaN]);
  },
);
