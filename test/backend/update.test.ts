import { ADAM_SETTINGS, adamScratch, type AdamSettings } from '../../src/backend/kernels.js';
import { PANEL, panelsOf } from '../../src/tensor/heap.js';
import { describeContract, itHasEqualBits, type KernelCase } from './contract.js';
import { EPSILON, uniform, zeros } from './workbench.js';

const STEP = 3;
const settings: AdamSettings = {
  step: STEP,
  scale: 0.7,
  stepSize: 0.01,
  beta1: 0.9,
  beta2: 0.999,
  oneMinusBeta1: 0.1,
  oneMinusBeta2: 0.001,
  inverseCorrection2: 1 / Math.sqrt(1 - 0.999 ** STEP),
  epsilon: 1e-8,
  clipNorm: Infinity,
};

interface AdamCase {
  rows: number;
  /** Absent for a bias. */
  columns?: number;
  gates?: boolean;
  isSparse?: boolean;
  /** Ranges of units, one call each. */
  calls?: [number, number][];
  /** Units that an earlier call has brought to this step. */
  finished?: number[];
}

function adamCase({
  rows,
  columns,
  gates = false,
  isSparse = false,
  calls,
  finished = [],
}: AdamCase): KernelCase {
  const units = gates ? 4 * panelsOf(rows / 4) : panelsOf(rows);
  const ranges = calls ?? [[0, units]];
  const shape: [number] | [number, number] = columns === undefined ? [rows] : [rows, columns];
  return {
    name:
      `Adam on ${shape.join(' × ')}${gates ? ' gates' : ''}${isSparse ? ', sparse' : ''}, ` +
      `units ${ranges.map((r) => r.join('–')).join(' ')}, finished ${finished.join(' ') || 'none'}`,
    prepare(bench) {
      const parameter = bench.tensor('parameter', shape, uniform(1, 1));
      const moment1 = bench.tensor('first moment', shape, uniform(0.1, 2));
      const moment2 = bench.tensor(
        'second moment',
        shape,
        (r, c) => 0.01 + uniform(0.1, 3)(r, c) ** 2,
      );
      // Three of four rows stand in the batch, their gradients in another order.
      const places = Array.from({ length: rows }, (_, r) =>
        r % 4 === 1 ? -1 : (r * 5 + 1) % rows,
      );
      const gradient = isSparse
        ? bench.panels('gradient', rows, columns!, uniform(1, 4))
        : bench.tensor(
            'gradient',
            columns ? [rows, panelsOf(columns) * PANEL] : shape,
            uniform(1, 4),
          );
      // Values below 1, a few roundings each; a change is at most a tenth.
      bench.allow('first moment', 4 * EPSILON);
      bench.allow('second moment', 4 * EPSILON);
      bench.allow('parameter', 2 * EPSILON);
      const call = bench.backend.adam({
        parameter,
        moment1,
        moment2,
        gradient,
        ...(isSparse && { index: bench.indices('index', places) }),
        gates,
        done: bench.indices(
          'done',
          Array.from({ length: units }, (_, u) => (finished.includes(u) ? STEP : STEP - 1)),
        ),
        settings: bench.doubles(
          'settings',
          ADAM_SETTINGS.map((name) => settings[name]),
        ),
        scratch: bench.scratch('scratch', adamScratch(columns ?? 1)),
      });
      return () => ranges.forEach(([from, to]) => call(from, to));
    },
  };
}

describeContract('adam', [
  ...[1, 7, 16, 33].map((columns) => adamCase({ rows: 37, columns })),
  adamCase({ rows: 37 }),
  adamCase({ rows: 80, columns: 9, gates: true }),
  adamCase({ rows: 80, gates: true }),
  adamCase({ rows: 132, columns: 5, gates: true, calls: [[2, 7]] }),
  ...[1, 15, 16, 20].map((columns) => adamCase({ rows: 37, columns, isSparse: true })),
  adamCase({ rows: 70, columns: 20, isSparse: true, calls: [[1, 3]] }),
  adamCase({ rows: 70, columns: 20, finished: [0, 3] }),
]);

itHasEqualBits(
  'a unit that is updated again at the same step stays as it is',
  adamCase({ rows: 80, columns: 9, gates: true }),
  adamCase({
    rows: 80,
    columns: 9,
    gates: true,
    calls: [
      [0, 3],
      [0, 8],
      [4, 8],
    ],
  }),
);
itHasEqualBits(
  'a unit of a sparse parameter that is updated again at the same step stays as it is',
  adamCase({ rows: 70, columns: 20, isSparse: true }),
  adamCase({
    rows: 70,
    columns: 20,
    isSparse: true,
    calls: [
      [2, 4],
      [0, 5],
      [0, 5],
    ],
  }),
);

interface PackCase {
  rows: number;
  columns: number;
  gates?: boolean;
  isBackward?: boolean;
  units?: [number, number];
}

function packCase({
  rows,
  columns,
  gates = false,
  isBackward = true,
  units,
}: PackCase): KernelCase {
  const count = gates ? 4 * panelsOf(rows / 4) : panelsOf(rows);
  const [from, to] = units ?? [0, count];
  return {
    name: `packing ${rows} × ${columns}${gates ? ' gates' : ''}, ${isBackward ? 'both ways' : 'forwards'}, units ${from}–${to}`,
    prepare(bench) {
      const weight = bench.tensor('weight', [rows, columns], uniform(1, 1));
      // The filling of last panels is zero from the start and stays so.
      const forward = bench.panels('forward', panelsOf(columns) * PANEL, count * PANEL, zeros);
      const backward = bench.panels('backward', count * PANEL, columns, zeros);
      const call = bench.backend.pack({ weight, gates, forward, ...(isBackward && { backward }) });
      return () => call(from, to);
    },
  };
}

describeContract('pack', [
  ...[1, 15, 16, 17, 33].map((columns) => packCase({ rows: 37, columns })),
  ...[7, 16, 20].map((hidden) => packCase({ rows: 4 * hidden, columns: 20, gates: true })),
  packCase({ rows: 132, columns: 20, gates: true, units: [3, 9] }),
  packCase({ rows: 37, columns: 20, isBackward: false }),
  packCase({ rows: 68, columns: 50, gates: true }),
]);

function packBiasCase(rows: number, gates: boolean, hasSecond: boolean): KernelCase {
  const units = gates ? 4 * panelsOf(rows / 4) : panelsOf(rows);
  return {
    name: `packing ${hasSecond ? 'two biases' : 'a bias'} of ${rows}${gates ? ' gates' : ''}`,
    prepare(bench) {
      const first = bench.tensor('first', [rows], uniform(1, 1));
      const second = bench.tensor('second', [rows], uniform(1, 2));
      const out = bench.tensor('out', [units * PANEL], zeros);
      const call = bench.backend.packBias({ first, ...(hasSecond && { second }), gates, out });
      return () => call(0, units);
    },
  };
}

describeContract('packBias', [
  packBiasCase(37, false, false),
  packBiasCase(80, true, true),
  packBiasCase(64, true, false),
]);
