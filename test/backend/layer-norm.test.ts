import {
  layerNormBackward,
  layerNormForward,
  layerNormGradient,
} from '../../src/backend/kernels/layer-norm.js';
import { describeContract, itHasEqualBits, type KernelCase } from './contract.js';
import { EPSILON, uniform, type Workbench } from './workbench.js';

type Calls = [begin: number, end: number][];

/** Rows of elements up to 2, and gains up to 1. */
const NORM_EPSILON = 1e-3;
const ROWS = 43;

const operands = (bench: Workbench, width: number) => ({
  input: bench.panels('input', ROWS, width, uniform(2, 1)),
  gain: bench.tensor('gain', [16 * Math.ceil(width / 16)], (column) =>
    column < width ? uniform(1, 2)(column, 0) : 0,
  ),
  width,
});

/** Statistics as no forward pass has left them: the kernels behind it take them as they are. */
const drawn = (bench: Workbench) =>
  bench.tensor('statistics', [2, ROWS], (which, row) =>
    which === 0 ? uniform(0.5, 3)(row, 0) : 1 + uniform(0.5, 4)(row, 0),
  );

function forwardCase(width: number, calls: Calls = [[0, ROWS]]): KernelCase {
  return {
    name: `width ${width}, rows ${calls.map((rows) => rows.join('–')).join(' ')}`,
    prepare(bench) {
      const bias = bench.tensor('bias', [16 * Math.ceil(width / 16)], (column) =>
        column < width ? uniform(1, 5)(column, 0) : 0,
      );
      const given = { ...operands(bench, width), bias, epsilon: NORM_EPSILON };
      const statistics = bench.tensor('statistics', [2, ROWS]);
      const out = bench.panels('out', ROWS, width);
      // A mean of elements up to 2 errs by a few of their roundings; a scale of at most 1 / √ε multiplies that, and is squared.
      bench.allow('statistics', 1000 * EPSILON);
      bench.allow('out', 1000 * EPSILON);
      const call = bench.backend.bind(layerNormForward, { ...given, statistics, out });
      return () => calls.forEach(([begin, end]) => call(begin, end));
    },
  };
}

function backwardCase(width: number, adds: boolean, calls: Calls = [[0, ROWS]]): KernelCase {
  return {
    name: `width ${width}${adds ? ', added' : ''}, rows ${calls.map((rows) => rows.join('–')).join(' ')}`,
    prepare(bench) {
      const dOutput = bench.panels('d output', ROWS, width, uniform(1, 6));
      const given = { ...operands(bench, width), statistics: drawn(bench), dOutput, adds };
      const dInput = bench.panels('d input', ROWS, width, adds ? uniform(1, 7) : undefined);
      // Sums of elements below 4, and a handful of roundings of values below 20.
      bench.allow('d input', 60 * EPSILON);
      const call = bench.backend.bind(layerNormBackward, { ...given, dInput });
      return () => calls.forEach(([begin, end]) => call(begin, end));
    },
  };
}

function gradientCase(
  width: number,
  segments: number[],
  ordered: boolean,
  calls: Calls = [[0, Math.ceil(width / 16)]],
): KernelCase {
  return {
    name: `width ${width}, shards at ${segments.join(' ')}${ordered ? ', ordered' : ''}, panels ${calls.map((panels) => panels.join('–')).join(' ')}`,
    prepare(bench) {
      const dOutput = bench.panels('d output', ROWS, width, uniform(1, 6));
      const given = { ...operands(bench, width), statistics: drawn(bench), dOutput };
      const order = Array.from({ length: ROWS }, (_, k) => (k * 5 + 2) % ROWS);
      const dGain = bench.tensor('d gain', [width]);
      const dBias = bench.tensor('d bias', [width]);
      const squares = bench.doubles('squares', Math.ceil(width / 16));
      // 43 products below 4, each rounded a few times, in sums below 60; their squares.
      for (const name of ['d gain', 'd bias']) bench.allow(name, 200 * EPSILON);
      bench.allow('squares', 1e-2);
      const call = bench.backend.bind(layerNormGradient, {
        ...{ ...given, dGain, dBias, squares },
        ...(ordered && { order: bench.indices('order', order) }),
        segments: bench.indices('segments', segments),
      });
      return () => calls.forEach(([begin, end]) => call(begin, end));
    },
  };
}

const WIDTHS = [1, 2, 15, 16, 17, 33, 160];
describeContract('layer norm forwards', [
  ...WIDTHS.map((width) => forwardCase(width)),
  forwardCase(20, [[3, 31]]),
]);
describeContract('layer norm backwards', [
  ...WIDTHS.flatMap((width) => [backwardCase(width, false), backwardCase(width, true)]),
  backwardCase(20, false, [[3, 31]]),
]);
describeContract('gradients of layer norm', [
  ...WIDTHS.map((width) => gradientCase(width, [0, 9, 9, 30, ROWS], true)),
  gradientCase(40, [0, ROWS], false),
  gradientCase(40, [0, 5, 11, 17, 23, 29, 31, 37, ROWS], false, [[1, 2]]),
]);

itHasEqualBits(
  'a row is normalized to the same bits in any call',
  forwardCase(40),
  forwardCase(40, [
    [20, ROWS],
    [0, 7],
    [7, 20],
  ]),
);
itHasEqualBits(
  'a row has the same gradient in any call',
  backwardCase(40, false),
  backwardCase(40, false, [
    [20, ROWS],
    [0, 7],
    [7, 20],
  ]),
);
itHasEqualBits(
  'gain and bias have the same gradients whoever forms them',
  gradientCase(40, [0, 9, 9, 30, ROWS], true),
  gradientCase(40, [0, 9, 9, 30, ROWS], true, [
    [2, 3],
    [0, 2],
  ]),
);
