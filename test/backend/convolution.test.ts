import {
  carryInputs,
  joinTaps,
  partTaps,
  windows,
  windowSum,
  type Neighbourhood,
} from '../../src/backend/kernels/convolution.js';
import { panelsOf, PANEL } from '../../src/tensor/heap.js';
import { describeContract, type KernelCase } from './contract.js';
import { EPSILON, uniform, type Workbench } from './workbench.js';

const LENGTHS = [3, 1, 40, 5];
const TOKENS = LENGTHS.reduce((sum, length) => sum + length, 0);
/** One at the end is empty. */
const PLACES = TOKENS + 1;

/** Rows whose tokens lie one behind the other, numbered in an order of their own. */
function neighbourhood(bench: Workbench, before: number, taps: number): Neighbourhood {
  const numbers = Array.from({ length: PLACES }, (_, place) => (place * 10) % TOKENS);
  const previous = new Array<number>(TOKENS).fill(-1);
  const following = previous.slice();
  let place = 0;
  LENGTHS.forEach((length, row) => {
    for (let t = 0; t < length; t++, place++) {
      previous[numbers[place]!] = t === 0 ? PLACES + row : place - 1;
      following[numbers[place]!] = t === length - 1 ? PLACES + row : place + 1;
    }
  });
  return {
    ...{ before, taps, places: PLACES },
    previous: bench.indices('previous', previous),
    following: bench.indices('following', following),
    numbers: bench.indices('numbers', numbers),
  };
}

const some: [number, number][] = [
  [0, 5],
  [5, 6],
  [9, PLACES],
];
const sights: [before: number, taps: number][] = [
  [0, 1],
  [1, 3],
  [1, 4],
  [4, 5],
  [0, 2],
  [15, 32],
];

function windowsCase(
  columns: number,
  [before, taps]: [number, number],
  { carries = false } = {},
): KernelCase {
  return {
    name: `${columns} columns, ${taps} taps from ${before} before${carries ? ', carried' : ''}`,
    prepare(bench) {
      const input = bench.panels('input', PLACES, columns, uniform(1, 1));
      const out = bench.panels('windows', PLACES, taps * panelsOf(columns) * PANEL);
      const near = neighbourhood(bench, before, taps);
      const carried = bench.panels(
        'carried',
        LENGTHS.length + 1,
        before * panelsOf(columns) * PANEL,
        (row, column) =>
          column % (panelsOf(columns) * PANEL) < columns ? uniform(1, 2)(row, column) : 0,
      );
      const call = bench.backend.bind(windows, {
        ...{ input, windows: out, near },
        ...(carries && { carried }),
      });
      return () => some.forEach((places) => call(...places));
    },
  };
}

describeContract(
  'windows',
  sights.flatMap((sight) => [
    ...[3, 16, 20].map((columns) => windowsCase(columns, sight)),
    windowsCase(20, sight, { carries: sight[0] > 0 }),
  ]),
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

function windowSumCase([before, taps]: [number, number], adds: boolean): KernelCase {
  return {
    name: `${taps} taps from ${before} before${adds ? ', added' : ''}`,
    prepare(bench) {
      const columns = 20;
      const seen = taps * panelsOf(columns) * PANEL;
      const dWindows = bench.panels('d windows', PLACES, seen, uniform(1, 1));
      const dInput = bench.panels('d input', PLACES, columns, adds ? uniform(1, 2) : undefined);
      bench.allow('d input', 2 * taps * taps * EPSILON);
      const near = neighbourhood(bench, before, taps);
      const call = bench.backend.bind(windowSum, { dWindows, dInput, adds, near });
      return () => some.forEach((places) => call(...places));
    },
  };
}

describeContract(
  'windowSum',
  sights.flatMap((sight) => [false, true].map((adds) => windowSumCase(sight, adds))),
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
