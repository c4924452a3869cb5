import {
  byTap,
  convolve,
  joinTaps,
  partTaps,
  type ConvolveOperands,
} from '../../src/backend/kernels/convolution.js';
import { PLAIN_ROWS, unitsOf } from '../../src/backend/kernels/rows.js';
import { GRADIENT_SCRATCH, weightGradient } from '../../src/backend/kernels/weight-gradient.js';
import { carryInputs } from '../../src/backend/kernels/windows.js';
import { panelsOf, PANEL } from '../../src/tensor/heap.js';
import { describeContract, itHasEqualBits, type KernelCase } from './contract.js';
import {
  around,
  carriedInputs,
  LENGTHS,
  mostOf,
  PLACES,
  sights,
  some,
  tapsOf,
  TOKENS,
  type Sight,
} from './convolution-layout.js';
import { EPSILON, uniform } from './workbench.js';

describeContract(
  'neighbours',
  [0, 1, 4, 31].flatMap((most) =>
    [false, true].flatMap((carries) =>
      [false, true].map((mixed): KernelCase => ({
        name: `${most} on either side${carries ? ', carried' : ''}${mixed ? ', mixed' : ''}`,
        prepare: (bench) => around(bench, { most, carries, mixed, calls: some }).look,
      })),
    ),
  ),
);

interface ConvolveCase {
  inputs?: number;
  outputs?: number;
  sight: Sight;
  start?: 'zero' | 'result' | 'bias';
  isReversed?: boolean;
  carries?: boolean;
  calls?: [number, number][];
}

function convolveCase({
  inputs = 20,
  outputs = 33,
  sight,
  start = 'bias',
  isReversed = false,
  carries = false,
  calls = some,
}: ConvolveCase): KernelCase {
  const [before, taps] = sight;
  return {
    name:
      `${inputs} to ${outputs} columns, ${taps} taps from ${before} before, ${start}, ` +
      `places ${calls.map((range) => range.join('–')).join(' ')}` +
      `${isReversed ? ', from the other side' : ''}${carries ? ', carried' : ''}`,
    prepare(bench) {
      const { windows, look } = around(bench, { most: mostOf(sight), carries });
      const input = bench.panels('input', PLACES, inputs, uniform(1, 1));
      const [k, n] = [panelsOf(inputs) * PANEL, panelsOf(outputs) * PANEL];
      const bias = bench.tensor('bias', [n], uniform(1, 4));
      const weight = isReversed
        ? byTap(bench.panels('weight', k, taps * n, uniform(1, 3)), taps, 'outputs')
        : byTap(bench.panels('weight', taps * k, outputs, uniform(1, 3)), taps, 'inputs');
      const out = bench.panels('out', PLACES, n, start === 'result' ? uniform(1, 5) : undefined);
      bench.allow('out', 2 * taps * k * EPSILON * Math.sqrt(taps * k));
      const operands: ConvolveOperands = {
        ...{ input, weight, out, start: start === 'bias' ? { bias } : start },
        windows: {
          ...tapsOf(windows, sight, isReversed),
          ...(carries && { carried: carriedInputs(bench, before, inputs) }),
        },
      };
      const call = bench.backend.bind(convolve, operands);
      return () => {
        look();
        calls.forEach((places) => call(...places));
      };
    },
  };
}

describeContract('convolve', [
  ...sights.flatMap((sight) => [
    convolveCase({ sight }),
    convolveCase({ sight, isReversed: true, start: 'zero' }),
    ...(sight[0] > 0 ? [convolveCase({ sight, carries: true })] : []),
  ]),
  ...[3, 16, 50].flatMap((inputs) =>
    [5, 16, 48, 100].map((outputs) =>
      convolveCase({ inputs, outputs, sight: [1, 3], start: 'result' }),
    ),
  ),
]);

itHasEqualBits(
  'a place has the same bits whoever computes the others',
  convolveCase({ sight: [1, 4], calls: [[0, PLACES]] }),
  convolveCase({
    sight: [1, 4],
    calls: [
      [21, PLACES],
      [0, 1],
      [1, 20],
      [20, 21],
    ],
  }),
);

interface GradientCase {
  inputs: number;
  sight: Sight;
  mixed?: boolean;
  carries?: boolean;
  around?: [number, number][];
}

function gradientCase({
  inputs,
  sight,
  mixed = false,
  carries = false,
  around: calls = [[0, PLACES]],
}: GradientCase): KernelCase {
  const [before, taps] = sight;
  const rows = 40;
  return {
    name:
      `${inputs} inputs, ${taps} taps from ${before} before${mixed ? ', mixed' : ''}` +
      `${carries ? ', carried' : ''}, looked up ${calls.map((range) => range.join('–')).join(' ')}`,
    prepare(bench) {
      const { windows, numbers, look } = around(bench, {
        ...{ most: mostOf(sight), carries, mixed, calls },
      });
      const order: number[] = [];
      for (let place = 0; place < TOKENS; place++) order[numbers[place]!] = place;
      const places = bench.indices('order', order);
      const runs = order.map(() => 1);
      for (let k = TOKENS - 2; k >= 0; k--) {
        if (order[k + 1] === order[k]! + 1) runs[k] = runs[k + 1]! + 1;
      }
      const columns = taps * panelsOf(inputs) * PANEL;
      const units = unitsOf(rows, PLAIN_ROWS);
      const tolerance = TOKENS * EPSILON * 4 * Math.sqrt(TOKENS);
      const out = bench.tensor('out', [rows, columns]);
      const squares = bench.doubles('squares', units);
      bench.allow('out', tolerance);
      bench.allow('squares', 2 * tolerance * 16 * columns * 4);
      // How far stretches go depends on who has looked them up.
      bench.allow('reach', Infinity);
      const call = bench.backend.bind(weightGradient, {
        dOutput: bench.panels('d output', PLACES, rows, uniform(1, 1)),
        input: bench.panels('input', PLACES, inputs, uniform(1, 3)),
        ...{ orderOutput: places, orderInput: places, runs: bench.indices('runs', runs) },
        windows: {
          ...tapsOf(windows, sight),
          ...(carries && { carried: carriedInputs(bench, before, inputs) }),
        },
        segments: bench.indices('segments', [0, 20, 20, 33, TOKENS]),
        ...{ out, rows: PLAIN_ROWS, squares, scratch: bench.scratch('scratch', GRADIENT_SCRATCH) },
      });
      return () => {
        look();
        call(0, units);
      };
    },
  };
}

const gradients = sights.flatMap((sight) => [
  ...[3, 20, 50].map((inputs) => gradientCase({ inputs, sight })),
  gradientCase({ inputs: 20, sight, mixed: true }),
  ...(sight[0] > 0 ? [gradientCase({ inputs: 20, sight, carries: true })] : []),
]);
describeContract('weightGradient of what taps see', gradients);

itHasEqualBits(
  'a gradient has the same bits whoever has looked up what taps see',
  gradientCase({ inputs: 20, sight: [1, 3] }),
  gradientCase({
    ...{ inputs: 20, sight: [1, 3] },
    around: [
      [0, 11],
      [11, PLACES],
    ],
  }),
);

describeContract(
  'inputs that rows carry',
  [1, 4].map((depth): KernelCase => ({
    name: `${depth} of each row`,
    prepare(bench) {
      const [columns, rows] = [2 * PANEL, LENGTHS.length + 1];
      const input = bench.panels('input', PLACES, columns, uniform(1, 1));
      const before = bench.panels('before', rows, depth * columns, uniform(1, 2));
      const after = bench.panels('after', rows, depth * columns);
      const rowStart = [0];
      // The last row has no tokens.
      for (const length of [...LENGTHS, 0]) rowStart.push(rowStart.at(-1)! + length);
      const carry = bench.backend.bind(carryInputs, {
        ...{ input, before, after, rowStart: bench.indices('row start', rowStart) },
        tokenPlaces: bench.indices(
          'token places',
          Array.from({ length: TOKENS }, (_, token) => TOKENS - token),
        ),
      });
      return () => carry(1, rows);
    },
  })),
);

function tapsCase(
  kernel: typeof partTaps,
  [channels, inputs, taps]: [number, number, number],
): KernelCase {
  return {
    name: `${channels} channels, ${inputs} inputs, ${taps} taps`,
    prepare(bench) {
      const columns = panelsOf(inputs) * PANEL * taps;
      const parts = kernel === partTaps;
      const weight = bench.tensor(
        'weight',
        [channels, inputs * taps + (parts ? 0 : 3)],
        parts ? uniform(1, 1) : undefined,
      );
      const tapped = bench.tensor('tapped', [channels, columns], parts ? undefined : uniform(1, 1));
      const call = bench.backend.bind(kernel, { weight, tapped, inputs, taps });
      return () => {
        call(0, 1);
        if (channels > 2 * PANEL) call(2, 3);
      };
    },
  };
}

const shapes: [number, number, number][] = [
  [5, 3, 2],
  [16, 16, 1],
  [40, 20, 5],
];
describeContract(
  'partTaps',
  shapes.map((shape) => tapsCase(partTaps, shape)),
);
describeContract(
  'joinTaps',
  shapes.map((shape) => tapsCase(joinTaps, shape)),
);
