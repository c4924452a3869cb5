import {
  activate,
  multiplySlope,
  type ActivationKind,
} from '../../src/backend/kernels/activation.js';
import { describeContract, type KernelCase } from './contract.js';
import { EPSILON, uniform, type Fill } from './workbench.js';

const kinds: ActivationKind[] = ['relu', 'tanh'];
const ROWS = 9;
const some: [number, number][] = [
  [0, 3],
  [3, 4],
  [6, 9],
];
const withZeros: Fill = (row, column) =>
  (row + column) % 5 === 0 ? 0 : uniform(3, 1)(row, column);

function activateCase(kind: ActivationKind, columns: number, fill: Fill): KernelCase {
  return {
    name: `${kind} of ${columns} columns`,
    prepare(bench) {
      const values = bench.panels('values', ROWS, columns, fill);
      bench.allow('values', kind === 'tanh' ? 4 * EPSILON : 0);
      const call = bench.backend.bind(activate, { kind, values });
      return () => some.forEach((rows) => call(...rows));
    },
  };
}

describeContract(
  'activate',
  kinds.flatMap((kind) => [1, 16, 33].map((columns) => activateCase(kind, columns, withZeros))),
);

function slopeCase(kind: ActivationKind, columns: number): KernelCase {
  return {
    name: `${kind} of ${columns} columns`,
    prepare(bench) {
      const values = bench.panels('values', ROWS, columns, (row, column) =>
        Math.max(kind === 'relu' ? 0 : -1, withZeros(row, column) / 3),
      );
      const gradient = bench.panels('gradient', ROWS, columns, uniform(1, 2));
      bench.allow('gradient', kind === 'tanh' ? 3 * EPSILON : 0);
      const call = bench.backend.bind(multiplySlope, { kind, gradient, values });
      return () => some.forEach((rows) => call(...rows));
    },
  };
}

describeContract(
  'multiplySlope',
  kinds.flatMap((kind) => [1, 16, 33].map((columns) => slopeCase(kind, columns))),
);
