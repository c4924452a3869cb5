import type { LstmCall } from '../../src/backend/kernels.js';
import { PANEL, panelsOf } from '../../src/tensor/heap.js';
import { describeContract, itHasEqualBits, type KernelCase } from './contract.js';
import { EPSILON, uniform, zeros, type Fill } from './workbench.js';

/** One part's share of a batch, somewhere within it. */
interface Share {
  /** Where its counts begin, and how many there are. */
  countsStart: number;
  steps: number;
  token0: number;
  row0: number;
}

interface Layer {
  hidden: number;
  tokens: number;
  rows: number;
  /** Active rows at each step, share after share. */
  counts: number[];
  shares: Share[];
}

/** A batch of two shares, with tokens and rows before, between and behind that belong to neither. */
const ragged: Omit<Layer, 'hidden'> = {
  tokens: 50,
  rows: 24,
  counts: [13, 9, 9, 2, 1, 5, 4],
  shares: [
    { countsStart: 0, steps: 5, token0: 3, row0: 2 },
    { countsStart: 5, steps: 2, token0: 38, row0: 17 },
  ],
};
const single: Omit<Layer, 'hidden'> = {
  tokens: 4,
  rows: 1,
  counts: [1, 1, 1, 1],
  shares: [{ countsStart: 0, steps: 4, token0: 0, row0: 0 }],
};
const idle: Omit<Layer, 'hidden'> = {
  tokens: 3,
  rows: 3,
  counts: [3],
  shares: [
    { countsStart: 0, steps: 0, token0: 0, row0: 0 },
    { countsStart: 0, steps: 1, token0: 0, row0: 0 },
  ],
};

/** Whether a column of a gate matrix belongs to a hidden unit and not to the filling of the last panel. */
const isUnit = (column: number, hidden: number): boolean =>
  Math.floor(column / (4 * PANEL)) * PANEL + (column % PANEL) < hidden;

/** Like `fill`, but zero where gates fill up the last panel. */
function gateFill(fill: Fill, hidden: number): Fill {
  return (row, column) => (isUnit(column, hidden) ? fill(row, column) : 0);
}

/** Runs a bound kernel on each share. */
function callShares(call: LstmCall, shares: Share[]): () => void {
  return () => {
    for (const { countsStart, steps, token0, row0 } of shares) {
      call(countsStart, steps, token0, row0);
    }
  };
}

function forwardCase(
  name: string,
  { hidden, tokens, rows, counts, shares }: Layer,
  { carried = false, projected = false },
): KernelCase {
  return {
    name: `forward, ${name}, ${hidden} units${carried ? ', carried state' : ''}${projected ? ', projected' : ''}`,
    prepare(bench) {
      const units = panelsOf(hidden);
      const columns = 4 * units * PANEL;
      const distinct = 7;
      const pre = gateFill(uniform(2, 1), hidden);
      const gates = bench.panels('gates', tokens, columns, projected ? undefined : pre);
      const state = bench.panels('hidden', tokens + rows, hidden);
      const cell = bench.panels('cell', tokens + rows, hidden);
      const bound = 2 / Math.sqrt(hidden);
      const inside: Fill = (row, column) => (row < hidden ? uniform(bound, 2)(row, column) : 0);
      const weights = bench.panels('weights', units * PANEL, columns, gateFill(inside, hidden));
      const product = bench.panels('projected', distinct, columns, pre);
      const places = Array.from({ length: tokens }, (_, i) => (i * 5 + 2) % distinct);
      const rowsOf = bench.indices('rows of tokens', places);
      const carriedFill: Fill = (row, column) =>
        column % (units * PANEL) < hidden ? uniform(1, 3)(row, column) : 0;
      const stateIn = bench.panels('state in', rows, 2 * units * PANEL, carriedFill);
      const stateOut = bench.panels('state out', rows, 2 * units * PANEL);
      // Every step adds H roundings of sums below 8 to what the steps before it left; σ and tanh shrink errors.
      const steps = Math.max(...shares.map((share) => share.steps));
      for (const buffer of ['gates', 'hidden', 'cell', 'state out']) {
        bench.allow(buffer, steps * (hidden + 8) * 8 * EPSILON);
      }
      const call = bench.backend.lstmForward({
        gates,
        hidden: state,
        cell,
        weights,
        ...(projected && { projected: { product, rows: rowsOf } }),
        ...(carried && { stateIn }),
        stateOut,
        counts: bench.indices('counts', counts),
      });
      return callShares(call, shares);
    },
  };
}

function backwardCase(
  name: string,
  { hidden, tokens, rows, counts, shares }: Layer,
  from: 'above' | 'last' | 'both',
): KernelCase {
  return {
    name: `backward, ${name}, ${hidden} units, gradient from ${from}`,
    prepare(bench) {
      const units = panelsOf(hidden);
      const columns = 4 * units * PANEL;
      // Activated gates: i, f, o between 0 and 1, g between −1 and 1.
      const activated: Fill = (row, column) => {
        const value = uniform(1, 1)(row, column);
        return Math.floor(column / PANEL) % 4 === 2 ? value : (value + 1) / 2;
      };
      const gates = bench.panels('gates', tokens, columns, gateFill(activated, hidden));
      const cell = bench.panels('cell', tokens + rows, hidden, uniform(1.5, 2));
      const bound = 2 / Math.sqrt(hidden);
      const inside: Fill = (row, column) =>
        isUnit(row, hidden) ? uniform(bound, 3)(row, column) : 0;
      const weights = bench.panels('weights', columns, hidden, inside);
      const above = from === 'last' ? zeros : uniform(1, 4);
      const dHidden = bench.panels('d hidden', tokens, hidden, above);
      const dLast = bench.panels('d last', rows, hidden, uniform(1, 5));
      const dCell = bench.panels('d cell', rows, hidden);
      // As forwards, with 4H terms in a sum.
      const steps = Math.max(...shares.map((share) => share.steps));
      for (const buffer of ['gates', 'd hidden', 'd cell']) {
        bench.allow(buffer, steps * (4 * hidden + 8) * 8 * EPSILON);
      }
      const call = bench.backend.lstmBackward({
        gates,
        cell,
        weights,
        dHidden,
        fromAbove: from !== 'last',
        ...(from !== 'above' && { dLast }),
        dCell,
        counts: bench.indices('counts', counts),
      });
      return callShares(call, shares);
    },
  };
}

const widths = [7, 16, 20, 33, 64];
describeContract('lstm', [
  ...widths.flatMap((hidden) => [
    forwardCase('ragged', { hidden, ...ragged }, { carried: true }),
    forwardCase('ragged', { hidden, ...ragged }, { projected: true }),
    backwardCase('ragged', { hidden, ...ragged }, 'above'),
    backwardCase('ragged', { hidden, ...ragged }, 'last'),
  ]),
  forwardCase('one row', { hidden: 20, ...single }, {}),
  forwardCase('one row', { hidden: 20, ...single }, { carried: true, projected: true }),
  backwardCase('one row', { hidden: 20, ...single }, 'above'),
  backwardCase('one row', { hidden: 20, ...single }, 'last'),
  forwardCase('an idle share', { hidden: 20, ...idle }, {}),
  backwardCase('an idle share', { hidden: 20, ...idle }, 'last'),
]);

/** Thirteen rows of one token behind a carried state: one share or three have them in the same order. */
const together: Layer = {
  hidden: 33,
  tokens: 13,
  rows: 13,
  counts: [13, 1, 7, 5],
  shares: [{ countsStart: 0, steps: 1, token0: 0, row0: 0 }],
};
const apart: Layer = {
  ...together,
  shares: [
    { countsStart: 1, steps: 1, token0: 0, row0: 0 },
    { countsStart: 2, steps: 1, token0: 1, row0: 1 },
    { countsStart: 3, steps: 1, token0: 8, row0: 8 },
  ],
};
itHasEqualBits(
  'a row goes forwards with the same bits whoever computes the others',
  forwardCase('thirteen rows together', together, { carried: true }),
  forwardCase('thirteen rows apart', apart, { carried: true }),
);
