import { copyColumns } from '../../src/backend/kernels/columns.js';
import { describeContract, type KernelCase } from './contract.js';
import { EPSILON, uniform } from './workbench.js';

function copyCase(
  fromColumn: number,
  toColumn: number,
  columns: number,
  adds: boolean,
): KernelCase {
  return {
    name: `${columns} columns from ${fromColumn} to ${toColumn}${adds ? ', added' : ''}`,
    prepare(bench) {
      const rows = 7;
      const from = bench.panels('from', rows, fromColumn + columns + 3, uniform(1, 1));
      const to = bench.panels('to', rows, toColumn + columns + 2, uniform(1, 2));
      bench.allow('to', adds ? 2 * EPSILON : 0);
      const call = bench.backend.bind(copyColumns, {
        from: { matrix: from, column: fromColumn },
        to: { matrix: to, column: toColumn },
        ...{ columns, adds },
      });
      return () => [0, 2, 5].forEach((row, i, ends) => call(row, ends[i + 1] ?? 6));
    },
  };
}

const places = [0, 1, 7, 15, 16, 20, 48];
describeContract('copy columns', [
  ...places.flatMap((from) => places.map((to) => copyCase(from, to, 33, (from + to) % 2 === 1))),
  ...[1, 15, 16, 17, 32].flatMap((columns) => [
    copyCase(0, 16, columns, false),
    copyCase(5, 3, columns, true),
  ]),
]);
