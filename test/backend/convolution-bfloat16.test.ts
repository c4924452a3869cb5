import {
  convolutionScratch,
  convolveBfloat16,
} from '../../src/backend/kernels/convolution-bfloat16.js';
import { byTap } from '../../src/backend/kernels/convolution.js';
import { PLAIN_ROWS, unitsOf } from '../../src/backend/kernels/rows.js';
import {
  pairedGradientScratch,
  pairedTokens,
  pairTokens,
  weightGradientBfloat16,
} from '../../src/backend/kernels/weight-gradient-bfloat16.js';
import { PANEL, panelsOf } from '../../src/tensor/heap.js';
import { describeContract, itHasEqualBits, type KernelCase } from './contract.js';
import {
  around,
  carriedInputs,
  mostOf,
  PLACES,
  sights,
  some,
  tapsOf,
  TOKENS,
  type Sight,
} from './convolution-layout.js';
import { amx, compiled } from './implementations.js';
import { uniform } from './workbench.js';

/* No case allows a difference but of sums of squares. */
const implementations = [amx, ...compiled];

interface ConvolveCase {
  inputs?: number;
  outputs?: number;
  sight: Sight;
  start?: 'zero' | 'result' | 'bias';
  /** Back to the inputs: tap by tap, of what sees a place. */
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
        ? byTap(bench.pairedPanels('weight', k, taps * n, uniform(1, 3)), taps, 'outputs')
        : bench.pairedPanels('weight', taps * k, outputs, uniform(1, 3));
      const out = bench.panels('out', PLACES, n, start === 'result' ? uniform(1, 5) : undefined);
      const call = bench.backend.bind(convolveBfloat16, {
        ...{ input, weight, out, start: start === 'bias' ? { bias } : start },
        windows: {
          ...tapsOf(windows, sight, isReversed),
          ...(carries && { carried: carriedInputs(bench, before, inputs) }),
        },
        scratch: bench.scratch('scratch', convolutionScratch(taps * panelsOf(inputs))),
      });
      return () => {
        look();
        calls.forEach((places) => call(...places));
      };
    },
  };
}

describeContract(
  'convolveBfloat16',
  [
    ...sights.flatMap((sight) => [
      convolveCase({ sight }),
      convolveCase({ sight, isReversed: true, start: 'zero' }),
      ...(sight[0] > 0 ? [convolveCase({ sight, carries: true })] : []),
    ]),
    ...[3, 16, 50].flatMap((inputs) =>
      [5, 48].flatMap((outputs) => [
        convolveCase({ inputs, outputs, sight: [1, 3], start: 'result' }),
        convolveCase({ inputs, outputs, sight: [1, 3], start: 'result', isReversed: true }),
      ]),
    ),
  ],
  implementations,
);

itHasEqualBits(
  'a place has the same bits whoever computes the others, in bfloat16',
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
  implementations,
);

function gradientCase(inputs: number, sight: Sight, carries: boolean): KernelCase {
  const [before, taps] = sight;
  const rows = 40;
  return {
    name: `${inputs} inputs, ${taps} taps from ${before} before${carries ? ', carried' : ''}`,
    prepare(bench) {
      const { windows, numbers, look } = around(bench, {
        ...{ most: mostOf(sight), carries, calls: [[0, PLACES]] },
      });
      const order: number[] = [];
      for (let place = 0; place < TOKENS; place++) order[numbers[place]!] = place;
      const places = bench.indices('order', order);
      const segments = bench.indices('segments', [0, 20, 20, 33, TOKENS]);
      const columns = taps * panelsOf(inputs) * PANEL;
      const paired = bench.pairedPanels('paired', pairedTokens(TOKENS, 4), columns);
      const squares = bench.doubles('squares', unitsOf(rows, PLAIN_ROWS));
      bench.allow('squares', 1e-6);
      const pair = bench.backend.bind(pairTokens, {
        input: bench.panels('input', PLACES, inputs, uniform(1, 3)),
        ...{ orderInput: places, segments, out: paired },
        windows: {
          ...tapsOf(windows, sight),
          ...(carries && { carried: carriedInputs(bench, before, inputs) }),
        },
      });
      const call = bench.backend.bind(weightGradientBfloat16, {
        dOutput: bench.panels('d output', PLACES, rows, uniform(1, 1)),
        ...{ orderOutput: places, input: paired, segments, squares, rows: PLAIN_ROWS },
        out: bench.tensor('out', [rows, columns]),
        scratch: bench.scratch('scratch', pairedGradientScratch(TOKENS, 4)),
      });
      return () => {
        look();
        pair(0, columns / PANEL);
        call(0, unitsOf(rows, PLAIN_ROWS));
      };
    },
  };
}

describeContract(
  'weightGradientBfloat16 of what taps see',
  sights.flatMap((sight) => [
    ...[3, 20].map((inputs) => gradientCase(inputs, sight, false)),
    ...(sight[0] > 0 ? [gradientCase(20, sight, true)] : []),
  ]),
  implementations,
);
