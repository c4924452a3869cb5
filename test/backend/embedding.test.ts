import {
  gatherRows,
  rowSquares,
  spreadRows,
  tokenSum,
} from '../../src/backend/kernels/embedding.js';
import { panelsOf } from '../../src/tensor/heap.js';
import { describeContract, type KernelCase } from './contract.js';
import { uniform } from './workbench.js';

function gatherCase(width: number, [from, to]: [number, number]): KernelCase {
  return {
    name: `rows [${from}, ${to}) of width ${width}`,
    prepare(bench) {
      const table = bench.tensor('table', [9, width], uniform(1, 1));
      const ids = bench.indices('ids', [8, 0, 3, 3, 7, 1]);
      const out = bench.panels('out', 6, width);
      const call = bench.backend.bind(gatherRows, { table, ids, out });
      return () => call(from, to);
    },
  };
}

describeContract('gatherRows', [
  ...[1, 15, 16, 17, 33].map((width) => gatherCase(width, [0, 6])),
  gatherCase(20, [2, 5]),
]);

function spreadCase(columns: number, [from, to]: [number, number]): KernelCase {
  return {
    name: `places [${from}, ${to}) of ${columns} columns`,
    prepare(bench) {
      const rows = bench.panels('rows', 4, columns, uniform(1, 1));
      const index = bench.indices('index', [3, 0, 0, 2, 1, 3, 2]);
      const out = bench.panels('out', 7, columns);
      const call = bench.backend.bind(spreadRows, { from: rows, index, out });
      return () => call(from, to);
    },
  };
}

describeContract('spreadRows', [spreadCase(1, [0, 7]), spreadCase(33, [2, 6])]);

function tokenSumCase(
  panels: number,
  [from, to]: [number, number],
  { distinct = [0, 4], adds = false }: { distinct?: [number, number]; adds?: boolean } = {},
): KernelCase {
  return {
    name: `panels [${from}, ${to}) of ${panels}, tokens ${distinct.join(' to ')}${adds ? ', added' : ''}`,
    prepare(bench) {
      const gradient = bench.panels('gradient', 10, panels * 16, uniform(1, 1));
      // Token 0 stands in one place, token 1 in six, token 2 nowhere, token 3 in three.
      const starts = bench.indices('starts', [0, 1, 7, 7, 10]);
      const positions = bench.indices('positions', [4, 9, 0, 2, 8, 5, 1, 7, 3, 6]);
      const out = bench.panels('out', 5, panels * 16, adds ? uniform(1, 2) : undefined);
      // What is there is rounded once more; else the oracle rounds as often.
      if (adds) bench.allow('out', 2 ** -21);
      const call = bench.backend.bind(tokenSum, { gradient, starts, positions, out, adds });
      return () => call(...distinct, from, to);
    },
  };
}

describeContract('tokenSum', [
  tokenSumCase(1, [0, 1]),
  tokenSumCase(3, [0, 3]),
  tokenSumCase(5, [1, 4]),
  tokenSumCase(3, [0, 3], { distinct: [1, 3] }),
  tokenSumCase(3, [1, 3], { distinct: [0, 2], adds: true }),
]);

function rowSquaresCase(
  rows: number,
  columns: number,
  [from, to]: [number, number],
  isAdded = false,
): KernelCase {
  return {
    name: `blocks [${from}, ${to}) of ${rows} rows of ${columns} columns${isAdded ? ', added to others' : ''}`,
    prepare(bench) {
      const matrix = bench.panels('matrix', rows, columns, uniform(1, 1));
      const sums = bench.doubles('sums', panelsOf(rows));
      // A few hundred roundings of float64 on a sum of some hundreds; of float32, where rows are added, on squares below 4.
      bench.allow('sums', isAdded ? 1e-4 : 1e-11);
      const dense = bench.tensor('dense', [2 * rows, panelsOf(columns) * 16], uniform(1, 2));
      const ids = bench.indices(
        'ids',
        Array.from({ length: rows }, (_, row) => 2 * (rows - 1 - row)),
      );
      const call = bench.backend.bind(rowSquares, {
        ...{ matrix, sums },
        ...(isAdded && { addedTo: { dense, ids } }),
      });
      return () => call(rows, from, to);
    },
  };
}

describeContract('rowSquares', [
  rowSquaresCase(1, 16, [0, 1]),
  rowSquaresCase(16, 16, [0, 1]),
  rowSquaresCase(17, 33, [0, 2]),
  rowSquaresCase(70, 20, [1, 4]),
  rowSquaresCase(70, 20, [3, 5]),
  rowSquaresCase(1, 16, [0, 1], true),
  rowSquaresCase(70, 33, [1, 5], true),
]);
