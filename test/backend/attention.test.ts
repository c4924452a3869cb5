import { attend, attendBackward } from '../../src/backend/kernels/attention.js';
import { describeContract, type KernelCase } from './contract.js';
import { PLACES, ROWS, rowsOf } from './rows.js';
import { EPSILON, uniform } from './workbench.js';

const parts: [number, number][] = [
  [0, 1],
  [1, ROWS],
];

function attendCase(columns: number, spread: number): KernelCase {
  return {
    name: `${columns} columns, scores within ${spread}`,
    prepare(bench) {
      const scores = bench.panels('scores', PLACES, 1, uniform(spread, 1));
      // An exponential, a sum of up to 20 of them and a division.
      bench.allow('scores', 16 * EPSILON);
      const input = bench.panels('input', PLACES, columns, uniform(1, 2));
      const out = bench.panels('out', ROWS, columns);
      bench.allow('out', 32 * EPSILON);
      const call = bench.backend.bind(attend, { scores, input, out, ...rowsOf(bench) });
      return () => parts.forEach((rows) => call(...rows));
    },
  };
}

describeContract('attend', [
  ...[1, 16, 33].map((columns) => attendCase(columns, 2)),
  attendCase(20, 60),
]);

function backwardCase(columns: number, adds: boolean): KernelCase {
  return {
    name: `${columns} columns${adds ? ', added' : ''}`,
    prepare(bench) {
      const weights = bench.panels('weights', PLACES, 1, (row) => (1 + (row % 7)) / 40);
      const input = bench.panels('input', PLACES, columns, uniform(1, 2));
      const dOut = bench.panels('d out', ROWS, columns, uniform(1, 3));
      const dInput = bench.panels('d input', PLACES, columns, adds ? uniform(1, 4) : undefined);
      bench.allow('d input', 2 * EPSILON);
      const dScores = bench.panels('d scores', PLACES, 1);
      bench.allow('d scores', 16 * EPSILON * columns);
      const call = bench.backend.bind(attendBackward, {
        ...{ dOut, weights, input, dInput, adds, dScores, ...rowsOf(bench) },
      });
      return () => parts.forEach((rows) => call(...rows));
    },
  };
}

describeContract(
  'attendBackward',
  [1, 16, 33].flatMap((columns) => [false, true].map((adds) => backwardCase(columns, adds))),
);
