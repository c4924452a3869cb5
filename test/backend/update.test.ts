import { adam, type AdamSetting } from '../../src/backend/kernels/adam.js';
import { LSTM_ROWS } from '../../src/backend/kernels/lstm.js';
import { PLAIN_ROWS, unitsOf, type RowMap } from '../../src/backend/kernels/rows.js';
import {
  UPDATE_SETTINGS,
  updateScratch,
  type UpdateSetting,
} from '../../src/backend/kernels/update.js';
import { PANEL, panelsOf } from '../../src/tensor/heap.js';
import { describeContract, itHasEqualBits, type KernelCase } from './contract.js';
import { nameOf, partialMaps } from './row-maps.js';
import { EPSILON, uniform } from './workbench.js';

const STEP = 3;
const settings: Record<UpdateSetting | AdamSetting, number> = {
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
  map?: RowMap;
  isSparse?: boolean;
  /** Ranges of units, one call each. */
  calls?: [number, number][];
  /** Units that an earlier call has brought to this step. */
  finished?: number[];
}

function adamCase({
  rows,
  columns,
  map = PLAIN_ROWS,
  isSparse = false,
  calls,
  finished = [],
}: AdamCase): KernelCase {
  const units = unitsOf(rows, map);
  const ranges = calls ?? [[0, units]];
  const shape: [number] | [number, number] = columns === undefined ? [rows] : [rows, columns];
  return {
    name:
      `Adam on ${shape.join(' × ')}${nameOf(map)}${isSparse ? ', sparse' : ''}, ` +
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
      const call = bench.backend.bind(adam, {
        parameter,
        states: [moment1, moment2],
        gradient,
        ...(isSparse && { index: bench.indices('index', places) }),
        rows: map,
        done: bench.indices(
          'done',
          Array.from({ length: units }, (_, u) => (finished.includes(u) ? STEP : STEP - 1)),
        ),
        settings: bench.doubles(
          'settings',
          [...UPDATE_SETTINGS, ...adam.settings].map((name) => settings[name]),
        ),
        scratch: bench.scratch('scratch', updateScratch(columns ?? 1)),
      });
      return () => ranges.forEach(([from, to]) => call(from, to));
    },
  };
}

describeContract('adam', [
  ...[1, 7, 16, 33].map((columns) => adamCase({ rows: 37, columns })),
  adamCase({ rows: 37 }),
  adamCase({ rows: 80, columns: 9, map: LSTM_ROWS }),
  adamCase({ rows: 80, map: LSTM_ROWS }),
  adamCase({ rows: 132, columns: 5, map: LSTM_ROWS, calls: [[2, 7]] }),
  ...partialMaps.map((map) => adamCase({ rows: map.blocks * 20, columns: 9, map })),
  ...[1, 15, 16, 20].map((columns) => adamCase({ rows: 37, columns, isSparse: true })),
  adamCase({ rows: 70, columns: 20, isSparse: true, calls: [[1, 3]] }),
  adamCase({ rows: 70, columns: 20, finished: [0, 3] }),
]);

itHasEqualBits(
  'a unit that is updated again at the same step stays as it is',
  adamCase({ rows: 80, columns: 9, map: LSTM_ROWS }),
  adamCase({
    rows: 80,
    columns: 9,
    map: LSTM_ROWS,
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
