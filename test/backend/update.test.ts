import { describe, expect, it } from 'vitest';
import { adagrad } from '../../src/backend/kernels/adagrad.js';
import { average, unitSquares } from '../../src/backend/kernels/average.js';
import { adam } from '../../src/backend/kernels/adam.js';
import { LSTM_ROWS } from '../../src/backend/kernels/lstm.js';
import { momentum } from '../../src/backend/kernels/momentum.js';
import {
  rmsprop,
  rmspropCentered,
  rmspropCenteredMomentum,
  rmspropMomentum,
} from '../../src/backend/kernels/rmsprop.js';
import { PLAIN_ROWS, unitsOf, type RowMap } from '../../src/backend/kernels/rows.js';
import { sgd } from '../../src/backend/kernels/sgd.js';
import {
  UPDATE_SETTINGS,
  updateScratch,
  type UpdateKernel,
  type UpdateSetting,
} from '../../src/backend/kernels/update.js';
import { PANEL, panelsOf } from '../../src/tensor/heap.js';
import { describeContract, itHasEqualBits, outcomeOf, type KernelCase } from './contract.js';
import { compiled } from './implementations.js';
import { nameOf, partialMaps } from './row-maps.js';
import { EPSILON, floatsOf, uniform, zeros, type Fill } from './workbench.js';

const STEP = 3;
const common: Record<UpdateSetting, number> = {
  ...{ step: STEP, scale: 0.7, clipNorm: Infinity, clipValue: 0.5 },
};

/** A rule, some settings, and what its states hold before. */
interface Rule {
  kernel: UpdateKernel;
  settings: Record<string, number>;
  states: Fill[];
  /** How far an element may be off, in roundings of 1. */
  roundings: number;
  /** The same of a state; 4 unless told otherwise. */
  stateRoundings?: number;
  title?: string;
}

function rule<Setting extends string>(
  kernel: UpdateKernel<Setting>,
  settings: Record<Setting, number>,
  rest: Omit<Rule, 'kernel' | 'settings'>,
): Rule {
  return { kernel, settings, ...rest };
}

const squares: Fill = (r, c) => 0.01 + uniform(0.1, 3)(r, c) ** 2;
// Values below 1, a few roundings each; a change is at most a tenth.
const adamRule = rule(
  adam,
  {
    stepSize: 0.01,
    beta1: 0.9,
    beta2: 0.999,
    oneMinusBeta1: 0.1,
    oneMinusBeta2: 0.001,
    inverseCorrection2: 1 / Math.sqrt(1 - 0.999 ** STEP),
    epsilon: 1e-8,
    learningRate: 0.01 * (1 - 0.9 ** STEP),
  },
  { states: [uniform(0.1, 2), squares], roundings: 2 },
);
const rmspropSettings = {
  ...{ learningRate: 0.01, alpha: 0.99, oneMinusAlpha: 0.01, epsilon: 1e-8, momentum: 0.9 },
};
// Means so small that rounding is that of the squares that they are subtracted from.
const small = uniform(0.05, 5);
const rules: Rule[] = [
  rule(sgd, { learningRate: 0.1 }, { states: [], roundings: 2 }),
  rule(
    momentum,
    { learningRate: 0.1, momentum: 0.9, nesterov: 0 },
    { states: [uniform(1, 2)], roundings: 2 },
  ),
  rule(
    momentum,
    { learningRate: 0.1, momentum: 0.9, nesterov: 1 },
    { states: [uniform(1, 2)], roundings: 2, title: "Nesterov's " },
  ),
  rule(rmsprop, rmspropSettings, { states: [squares], roundings: 2 }),
  // Steps of a gradient divided by a tenth of it: up to 10.
  rule(rmspropMomentum, rmspropSettings, {
    ...{ states: [squares, uniform(1, 2)], roundings: 4, stateRoundings: 40 },
  }),
  rule(rmspropCentered, rmspropSettings, { states: [squares, small], roundings: 4 }),
  rule(rmspropCenteredMomentum, rmspropSettings, {
    ...{ states: [squares, uniform(1, 2), small], roundings: 4, stateRoundings: 40 },
  }),
  rule(average, { share: 0.3 }, { states: [], roundings: 2 }),
  rule(average, { share: 1 }, { states: [], roundings: 1, title: 'the first ' }),
  rule(adagrad, { learningRate: 0.01, epsilon: 1e-10 }, { states: [squares], roundings: 2 }),
];

interface UpdateCase {
  rule?: Rule;
  rows: number;
  /** Absent for a bias. */
  columns?: number;
  map?: RowMap;
  weightDecay?: number;
  isSparse?: boolean;
  /** Whether rows of the sparse gradient are added to a dense one. */
  isAdded?: boolean;
  /** Ranges of units, one call each. */
  calls?: [number, number][];
  /** Units that an earlier call has brought to this step. */
  finished?: number[];
  gradient?: Fill;
}

function updateCase({
  rule: { kernel, settings, states, roundings, stateRoundings = 4, title = '' } = adamRule,
  rows,
  columns,
  map = PLAIN_ROWS,
  weightDecay = 0,
  isAdded = false,
  isSparse = isAdded,
  calls,
  finished = [],
  gradient: filled = uniform(1, 4),
}: UpdateCase): KernelCase {
  const units = unitsOf(rows, map);
  const ranges = calls ?? [[0, units]];
  const shape: [number] | [number, number] = columns === undefined ? [rows] : [rows, columns];
  return {
    name:
      `${title}${kernel.name} on ${shape.join(' × ')}${nameOf(map)}${isSparse ? ', sparse' : ''}${isAdded ? ' and dense' : ''}, decay ${weightDecay}, ` +
      `units ${ranges.map((r) => r.join('–')).join(' ')}, finished ${finished.join(' ') || 'none'}`,
    prepare(bench) {
      const parameter = bench.tensor('parameter', shape, uniform(1, 1));
      const tensors = states.map((fill, i) => bench.tensor(kernel.states[i]!, shape, fill));
      // Three of four rows stand in the batch, their gradients in another order.
      const places = Array.from({ length: rows }, (_, r) =>
        r % 4 === 1 ? -1 : (r * 5 + 1) % rows,
      );
      const gradient = isSparse
        ? bench.panels('gradient', rows, columns!, filled)
        : bench.tensor('gradient', columns ? [rows, panelsOf(columns) * PANEL] : shape, filled);
      for (const state of kernel.states) bench.allow(state, stateRoundings * EPSILON);
      bench.allow('parameter', roundings * EPSILON);
      const call = bench.backend.bind(kernel, {
        parameter,
        states: tensors,
        gradient,
        ...(isSparse && { index: bench.indices('index', places) }),
        ...(isAdded && {
          dense: bench.tensor('dense', [rows, panelsOf(columns!) * PANEL], uniform(1, 5)),
        }),
        rows: map,
        weightDecay,
        done: bench.indices(
          'done',
          Array.from({ length: units }, (_, u) => (finished.includes(u) ? STEP : STEP - 1)),
        ),
        settings: bench.doubles('settings', [
          ...UPDATE_SETTINGS.map((name) => common[name]),
          ...kernel.settings.map((name) => settings[name]!),
        ]),
        scratch: bench.scratch('scratch', updateScratch(columns ?? 1)),
      });
      return () => ranges.forEach(([from, to]) => call(from, to));
    },
  };
}

describeContract('updates', [
  ...[1, 7, 16, 33].map((columns) => updateCase({ rows: 37, columns })),
  updateCase({ rows: 37 }),
  updateCase({ rows: 80, columns: 9, map: LSTM_ROWS }),
  updateCase({ rows: 80, map: LSTM_ROWS }),
  updateCase({ rows: 132, columns: 5, map: LSTM_ROWS, calls: [[2, 7]] }),
  ...partialMaps.map((map) => updateCase({ rows: map.blocks * 20, columns: 9, map })),
  ...[1, 15, 16, 20].map((columns) => updateCase({ rows: 37, columns, isSparse: true })),
  updateCase({ rows: 70, columns: 20, isSparse: true, calls: [[1, 3]] }),
  ...[1, 16, 20].map((columns) => updateCase({ rows: 37, columns, isAdded: true })),
  updateCase({ rows: 70, columns: 20, finished: [0, 3] }),
  ...[adamRule, ...rules].flatMap((rule) => [
    updateCase({ rule, rows: 37, columns: 33, weightDecay: 0.01 }),
    updateCase({ rule, rows: 37, weightDecay: 0.3 }),
  ]),
  ...rules.flatMap((rule) => [
    updateCase({ rule, rows: 60, columns: 9, map: partialMaps[1]! }),
    updateCase({ rule, rows: 37, columns: 20, isSparse: true, finished: [1] }),
  ]),
]);

itHasEqualBits(
  'a unit that is updated again at the same step stays as it is',
  updateCase({ rows: 80, columns: 9, map: LSTM_ROWS }),
  updateCase({
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
  updateCase({ rows: 70, columns: 20, isSparse: true }),
  updateCase({
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

const fading = rules.concat(adamRule).filter(({ states }) => states.length > 0);
describe.each(compiled.filter(({ missing }) => missing === undefined))(
  '$name',
  (implementation) => {
    it.each(fading)(
      '$kernel.name leaves no state below the normal numbers, over which processors take long',
      ({ states, ...rest }) => {
        // The last one of 33 columns stands behind the last whole vector.
        const faint = states.map(
          (fill): Fill =>
            (r, c) =>
              fill !== squares && (r + c) % 2 ? -1e-39 : 1e-39,
        );
        const plain = { rule: { ...rest, states: faint }, rows: 20, columns: 33, gradient: zeros };
        const { after } = outcomeOf(updateCase(plain), implementation);
        for (const state of rest.kernel.states) {
          expect(new Set(floatsOf(after, state).map(Math.abs))).toEqual(new Set([0]));
        }
      },
    );
  },
);

const squaresCase = (shape: [number, number?], map: RowMap): KernelCase => {
  const [rows, columns] = shape;
  return {
    name: `squares of ${shape.join(' × ')}${nameOf(map)}`,
    prepare(bench) {
      const units = unitsOf(rows, map);
      const matrix = bench.tensor(
        'matrix',
        columns === undefined ? [rows] : [rows, columns],
        uniform(1, 1),
      );
      const squares = bench.doubles('squares', new Array<number>(units).fill(-1));
      // Each element may have been rounded; one that is left out shows as some 0.3.
      bench.allow('squares', 1e-4);
      const call = bench.backend.bind(unitSquares, { matrix, rows: map, squares });
      return () => call(0, units);
    },
  };
};
describeContract('sums of squares', [
  ...[1, 7, 16, 33].map((columns) => squaresCase([37, columns], PLAIN_ROWS)),
  squaresCase([37], PLAIN_ROWS),
  squaresCase([80, 9], LSTM_ROWS),
  squaresCase([80], LSTM_ROWS),
]);
