import { gatherRows, rowSquares, tokenSum } from '../../src/backend/kernels/embedding.js';
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

function tokenSumCase(panels: number, [from, to]: [number, number]): KernelCase {
  return {
    name: `panels [${from}, ${to}) of ${panels}`,
    prepare(bench) {
      const gradient = bench.panels('gradient', 10, panels * 16, uniform(1, 1));
      // Token 0 stands in one place, token 1 in six, token 2 nowhere, token 3 in three.
      const starts = bench.indices('starts', [0, 1, 7, 7, 10]);
      const positions = bench.indices('positions', [4, 9, 0, 2, 8, 5, 1, 7, 3, 6]);
      const out = bench.panels('out', 5, panels * 16);
      const call = bench.backend.bind(tokenSum, { gradient, starts, positions, out });
      // The order of additions is fixed, so that not even the oracle differs.
      return () => call(4, from, to);
    },
  };
}

describeContract('tokenSum', [
  tokenSumCase(1, [0, 1]),
  tokenSumCase(3, [0, 3]),
  tokenSumCase(5, [1, 4]),
]);

function rowSquaresCase(rows: number, columns: number, [from, to]: [number, number]): KernelCase {
  return {
    name: `blocks [${from}, ${to}) of ${rows} rows of ${columns} columns`,
    prepare(bench) {
      const matrix = bench.panels('matrix', rows, columns, uniform(1, 1));
      const sums = bench.doubles('sums', panelsOf(rows));
      // A few hundred roundings of float64 on a sum of some hundreds.
      bench.allow('sums', 1e-11);
      const call = bench.backend.bind(rowSquares, { matrix, sums });
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
]);
