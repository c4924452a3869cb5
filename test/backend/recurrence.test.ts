import { gruOriginalBackward, gruOriginalForward } from '../../src/backend/kernels/gru-original.js';
import { gruBackward, gruForward, gruNorm } from '../../src/backend/kernels/gru.js';
import { lstmBackward, lstmForward, lstmNorm } from '../../src/backend/kernels/lstm.js';
import {
  rnnBackward,
  rnnForward,
  rnnNorm,
  rnnReluBackward,
  rnnReluForward,
  rnnReluNorm,
} from '../../src/backend/kernels/rnn.js';
import type {
  SequenceCall,
  SequenceOperands,
  SequenceShare,
} from '../../src/backend/kernels/sequence.js';
import { describe } from 'vitest';
import { PANEL, panelsOf, type Tensor } from '../../src/tensor/heap.js';
import { describeContract, itHasEqualBits, type KernelCase } from './contract.js';
import { EPSILON, uniform, type Fill, type Workbench } from './workbench.js';

/** A kind of layer: its kernels, its panels for each 16 units, and those of them that are a product's with h_{t−1}. */
interface Kind {
  name: string;
  forward: typeof lstmForward;
  backward: typeof lstmBackward;
  panels: number;
  products: number;
  states: number;
  /** Panels between −1 and 1; others of what forward keeps are between 0 and 1. */
  signed: number[];
  /** Whether steps have two halves, the second with a product of its own. */
  halves?: true;
  /** Of cells with layer normalization: parts of a step, of which the third is that of the cell state; and panels with a product. */
  norm?: { parts: number; productPanels: number[] };
}

const lstm: Kind = {
  name: 'lstm',
  forward: lstmForward,
  backward: lstmBackward,
  panels: 4,
  products: 4,
  states: 2,
  signed: [2],
};
const gru: Kind = {
  ...{ name: 'gru', forward: gruForward, backward: gruBackward },
  ...{ panels: 4, products: 3, states: 1, signed: [2, 3] },
};
const gruOriginal: Kind = {
  ...{ name: 'original gru', forward: gruOriginalForward, backward: gruOriginalBackward },
  ...{ panels: 3, products: 2, states: 1, signed: [2], halves: true },
};
const rnn: Kind = {
  ...{ name: 'rnn', forward: rnnForward, backward: rnnBackward },
  ...{ panels: 1, products: 1, states: 1, signed: [0] },
};
const rnnRelu: Kind = {
  ...rnn,
  ...{ name: 'rnn with relu', forward: rnnReluForward, backward: rnnReluBackward },
};

/** Errors of values that few units share alike are amplified: by 1 / √ε at most, where they are all the same. */
const NORM_EPSILON = 0.01;
const lstmNormed: Kind = {
  ...{ ...lstm, name: 'normalised lstm', ...lstmNorm },
  norm: { parts: 3, productPanels: [0, 1, 2, 3] },
};
const gruNormed: Kind = {
  ...{ ...gru, name: 'normalised gru', ...gruNorm },
  norm: { parts: 2, productPanels: [0, 1, 3] },
};
const rnnNormed: Kind = {
  ...{ ...rnn, name: 'normalised rnn', ...rnnNorm },
  norm: { parts: 2, productPanels: [0] },
};
const rnnReluNormed: Kind = { ...rnnNormed, name: 'normalised rnn with relu', ...rnnReluNorm };

/** Rows by their lengths, and the stretches of rows that are computed together. */
interface Batch {
  lengths: number[];
  shares: [from: number, to: number][];
  /** How many divide the hidden units of each share among them, step by step; 1 unless told otherwise. */
  members?: number;
}

/** What work buffers have room for. */
const MOST_MEMBERS = 3;

/** Two shares, with rows before, between and behind that belong to neither. */
const ragged: Batch = {
  lengths: [2, 1, 4, 5, 3, 1, 3, 3, 2, 3, 4, 1, 3, 3, 4, 2, 1, 2, 3],
  shares: [
    [1, 14],
    [15, 18],
  ],
};
const single: Batch = { lengths: [4], shares: [[0, 1]] };
/** Of four panels of units one member has two. */
const team: Batch = { ...ragged, members: MOST_MEMBERS };
const idle: Batch = {
  lengths: [1, 1, 1],
  shares: [
    [0, 0],
    [0, 3],
  ],
};

/** Whether a column of a gate matrix belongs to a hidden unit and not to the filling of the last panel. */
const isUnit = (column: number, hidden: number, panels: number): boolean =>
  Math.floor(column / (panels * PANEL)) * PANEL + (column % PANEL) < hidden;

/** Like `fill`, but zero where gates fill up the last panel. */
function gateFill(fill: Fill, hidden: number, panels: number): Fill {
  return (row, column) => (isUnit(column, hidden, panels) ? fill(row, column) : 0);
}

/** A layer's buffers on the bench, and the calls for every share of the batch. */
function layOut(
  bench: Workbench,
  kind: Kind,
  hidden: number,
  { lengths, shares, members = 1 }: Batch,
  fills: { gates?: Fill; hidden?: Fill; cell?: Fill; weights: Tensor; inner: Tensor },
): {
  sequence: SequenceOperands;
  forwards: (call: SequenceCall) => () => void;
  /** From the last step to one that is given: −1 is for the state before the first one. */
  backwards: (call: SequenceCall, first: 0 | -1) => () => void;
  tokens: number;
} {
  const rows = lengths.length;
  const rowStart = [0];
  for (const length of lengths) rowStart.push(rowStart.at(-1)! + length);
  const tokens = rowStart[rows]!;
  const ranked = Array.from({ length: rows }, (_, row) => row);
  const counts: number[] = [];
  const units = panelsOf(hidden);
  const whole = shares.map(([from, to]): SequenceShare => {
    const own = ranked.slice(from, to).sort((a, b) => lengths[b]! - lengths[a]! || a - b);
    ranked.splice(from, to - from, ...own);
    const steps = own.length > 0 ? lengths[own[0]!]! : 0;
    const countsStart = counts.length;
    for (let t = 0; t < steps; t++) counts.push(own.filter((row) => lengths[row]! > t).length);
    return { countsStart, steps, row0: from, unit0: 0, unit1: units, member: 0 };
  });
  const sequence = {
    gates: bench.panels('gates', tokens, kind.panels * units * PANEL, fills.gates),
    hidden: bench.panels('hidden', tokens + rows, hidden, fills.hidden),
    ...(kind.states > 1 && {
      cell: bench.panels('cell', tokens + rows, hidden, fills.cell),
    }),
    weights: fills.weights,
    ...(kind.halves && {
      inner: { values: bench.panels('inner', tokens, hidden), weights: fills.inner },
    }),
    rowStart: bench.indices('row start', rowStart),
    // Any places will do: here the tokens lie back to front.
    tokenPlaces: bench.indices(
      'token places',
      Array.from({ length: tokens }, (_, i) => tokens - 1 - i),
    ),
    ranked: bench.indices('ranked', ranked),
    // As long as the most that any shares could need.
    counts: bench.indices('counts', [
      ...counts,
      ...new Array<number>(tokens - counts.length).fill(0),
    ]),
    places: bench.indices('places', 2 * MOST_MEMBERS, rows),
  };
  // Who computes which rows is no result, and work buffers mean nothing afterwards.
  for (const name of ['ranked', 'counts', 'places']) bench.allow(name, Infinity);
  const halves = kind.norm?.parts ?? (kind.halves ? 2 : 1);
  /** Step t of all units, or a half of one. */
  const step = (call: SequenceCall, share: SequenceShare, t: number): void => {
    for (let member = 0; member < members; member++) {
      const unit0 = Math.floor((member * units) / members);
      const unit1 = Math.floor(((member + 1) * units) / members);
      call({ ...share, unit0, unit1, member }, t, t + 1);
    }
  };
  return {
    sequence,
    forwards: (call) => () => {
      for (const share of whole) {
        if (members === 1) call(share, -1, halves * share.steps);
        else for (let t = -1; t < halves * share.steps; t++) step(call, share, t);
      }
    },
    backwards: (call, first) => () => {
      for (const share of whole) {
        if (members === 1) call(share, first, halves * share.steps);
        else for (let t = halves * share.steps - 1; t >= first; t--) step(call, share, t);
      }
    },
    tokens,
  };
}

/** What layer normalization adds to a layer's buffers; backwards what forwards has left there. */
function normOf(
  bench: Workbench,
  kind: Kind,
  hidden: number,
  tokens: number,
  passes: 'forwards' | 'backwards',
): Pick<SequenceOperands, 'norm'> {
  if (!kind.norm) return {};
  const { parts, productPanels } = kind.norm;
  const units = panelsOf(hidden);
  const columns = kind.panels * units * PANEL;
  const counted = (column: number): boolean =>
    isUnit(column, hidden, kind.panels) &&
    productPanels.includes(Math.floor(column / PANEL) % kind.panels);
  const only =
    (fill: Fill): Fill =>
    (row, column) =>
      counted(column) ? fill(row, column) : 0;
  const backwards = passes === 'backwards';
  const vector = (name: string, length: number, fill: Fill) =>
    bench.tensor(name, [length], (column) => fill(0, column));
  const raw = bench.panels('raw', tokens, columns, backwards ? only(uniform(1, 8)) : undefined);
  const gain = vector(
    'gain',
    columns,
    only((row, column) => 1 + uniform(0.5, 9)(row, column)),
  );
  // Of the columns that count what has been found forwards: small means, and scales about 1.
  const statistics = bench.tensor(
    'statistics',
    [2 * (parts - 1), tokens],
    backwards ? (of, token) => (of % 2) + uniform(0.3, 10)(of, token) : undefined,
  );
  const inUnits: Fill = (_, column) => (column < hidden ? 1 + uniform(0.5, 11)(0, column) : 0);
  const state = parts === 3 && {
    gain: vector('state gain', units * PANEL, inUnits),
    bias: vector('state bias', units * PANEL, inUnits),
  };
  return {
    norm: {
      ...{ raw, gain, statistics, hiddenSize: hidden, epsilon: NORM_EPSILON },
      ...(state && { state }),
      ...(backwards && {
        dRaw: bench.panels('d raw', tokens, columns),
        ...(state && { dState: bench.panels('d state', tokens, hidden) }),
      }),
    },
  };
}

function workOf(
  bench: Workbench,
  rows: number,
  panels: { hidden: number; cell: number; gates: number },
): { hidden: Tensor; cell: Tensor; gates: Tensor } {
  const work = (name: string, count: number): Tensor => {
    const tensor = bench.panels(name, rows, count * PANEL);
    bench.allow(name, Infinity);
    return tensor;
  };
  return {
    hidden: work('work hidden', panels.hidden),
    cell: work('work cell', panels.cell),
    gates: work('work gates', panels.gates),
  };
}

function forwardCase(
  kind: Kind,
  name: string,
  hidden: number,
  batch: Batch,
  { carried = false, projected = false },
): KernelCase {
  return {
    name: `${kind.name} forward, ${name}, ${hidden} units${carried ? ', carried state' : ''}${projected ? ', projected' : ''}`,
    prepare(bench) {
      const rows = batch.lengths.length;
      const units = panelsOf(hidden);
      const columns = kind.panels * units * PANEL;
      const distinct = 7;
      const input = gateFill(uniform(2, 1), hidden, kind.panels);
      const bound = 2 / Math.sqrt(hidden);
      const inside: Fill = (row, column) => (row < hidden ? uniform(bound, 2)(row, column) : 0);
      const { sequence, forwards, tokens } = layOut(bench, kind, hidden, batch, {
        ...(!projected && { gates: input }),
        weights: bench.panels(
          'weights',
          units * PANEL,
          kind.products * units * PANEL,
          gateFill(inside, hidden, kind.products),
        ),
        inner: bench.panels(
          'inner weights',
          units * PANEL,
          units * PANEL,
          gateFill(inside, hidden, 1),
        ),
      });
      const product = bench.panels('projected', distinct, columns, input);
      const places = Array.from({ length: tokens }, (_, i) => (i * 5 + 2) % distinct);
      const rowsOfTokens = bench.indices('rows of tokens', places);
      const state: Fill = (row, column) =>
        column % (units * PANEL) < hidden ? uniform(1, 3)(row, column) : 0;
      const stateIn = bench.panels('state in', rows, kind.states * units * PANEL, state);
      // Every step adds H roundings of sums below 8 to what the steps before it left; σ and tanh shrink errors.
      const tolerance = Math.max(...batch.lengths) * (hidden + 8) * 8 * EPSILON;
      const stateOut = bench.panels('state out', rows, kind.states * units * PANEL);
      for (const buffer of ['gates', 'hidden', 'state out', ...(kind.halves ? ['inner'] : [])])
        bench.allow(buffer, tolerance);
      if (kind.states > 1) bench.allow('cell', tolerance);
      const norm = normOf(bench, kind, hidden, tokens, 'forwards');
      if (kind.norm) for (const name of ['raw', 'statistics']) bench.allow(name, 20 * tolerance);
      const call = bench.backend.bind(kind.forward, {
        ...{ ...sequence, ...norm },
        ...(projected && { projected: { product, rows: rowsOfTokens } }),
        ...(carried && { stateIn }),
        stateOut,
        work: workOf(bench, rows, {
          hidden: 2 * units,
          cell: units,
          gates: Math.max(2, kind.panels) * MOST_MEMBERS,
        }),
      });
      return forwards(call);
    },
  };
}

function backwardCase(
  kind: Kind,
  name: string,
  hidden: number,
  batch: Batch,
  from: 'above' | 'last' | 'both',
  { toInitial = false } = {},
): KernelCase {
  return {
    name: `${kind.name} backward, ${name}, ${hidden} units, gradient from ${from}${toInitial ? ' to the state before' : ''}`,
    prepare(bench) {
      const rows = batch.lengths.length;
      const units = panelsOf(hidden);
      const activated: Fill = (row, column) => {
        const value = uniform(1, 1)(row, column);
        return kind.signed.includes(Math.floor(column / PANEL) % kind.panels)
          ? value
          : (value + 1) / 2;
      };
      const bound = 2 / Math.sqrt(hidden);
      const inside: Fill = (row, column) =>
        isUnit(row, hidden, kind.products) ? uniform(bound, 3)(row, column) : 0;
      const { sequence, backwards, tokens } = layOut(bench, kind, hidden, batch, {
        gates: gateFill(activated, hidden, kind.panels),
        hidden: uniform(1, 6),
        cell: uniform(1.5, 2),
        weights: bench.panels('weights', kind.products * units * PANEL, hidden, inside),
        inner: bench.panels('inner weights', units * PANEL, hidden, uniform(bound, 7)),
      });
      const dHidden = bench.panels('d hidden', tokens, hidden, uniform(1, 4));
      const dLast = bench.panels('d last', rows, hidden, uniform(1, 5));
      // As forwards, with 4H terms in a sum.
      const tolerance = Math.max(...batch.lengths) * (4 * hidden + 8) * 8 * EPSILON;
      bench.allow('gates', tolerance);
      const dInitial = bench.panels('d initial', rows, kind.states * units * PANEL);
      bench.allow('d initial', tolerance);
      const norm = normOf(bench, kind, hidden, tokens, 'backwards');
      if (kind.norm) {
        bench.allow('d raw', tolerance);
        if (kind.norm.parts === 3) bench.allow('d state', tolerance);
      }
      const call = bench.backend.bind(kind.backward, {
        ...{ ...sequence, ...norm },
        ...(from !== 'last' && { dHidden }),
        ...(from !== 'above' && { dLast }),
        ...(toInitial && { dInitial }),
        work: workOf(bench, rows, {
          hidden: 2 * MOST_MEMBERS,
          cell: units,
          gates: (2 * kind.products + (kind.halves ? 1 : 0)) * units,
        }),
      });
      return backwards(call, toInitial ? -1 : 0);
    },
  };
}

const widths = [7, 16, 20, 33, 64];
const normed = [lstmNormed, gruNormed, rnnNormed, rnnReluNormed];
describe.each([lstm, gru, gruOriginal, rnn, rnnRelu, ...normed])('$name', (kind) => {
  describeContract('recurrence', [
    ...widths.flatMap((hidden) => [
      forwardCase(kind, 'ragged', hidden, ragged, { carried: true }),
      forwardCase(kind, 'ragged', hidden, ragged, { projected: true }),
      backwardCase(kind, 'ragged', hidden, ragged, 'above'),
      backwardCase(kind, 'ragged', hidden, ragged, 'last'),
      backwardCase(kind, 'ragged', hidden, ragged, 'above', { toInitial: true }),
    ]),
    forwardCase(kind, 'one row', 20, single, {}),
    forwardCase(kind, 'one row', 20, single, { carried: true, projected: true }),
    backwardCase(kind, 'one row', 20, single, 'above'),
    backwardCase(kind, 'one row', 20, single, 'last'),
    backwardCase(kind, 'ragged', 33, ragged, 'both'),
    backwardCase(kind, 'a team', 64, team, 'both', { toInitial: true }),
    forwardCase(kind, 'an idle share', 20, idle, {}),
    backwardCase(kind, 'an idle share', 20, idle, 'last', { toInitial: true }),
    forwardCase(kind, 'a team', 64, team, { carried: true }),
    forwardCase(kind, 'a team', 64, team, { projected: true }),
    backwardCase(kind, 'a team', 64, team, 'above'),
    backwardCase(kind, 'a team', 64, team, 'last', { toInitial: true }),
  ]);

  const together: Batch = { lengths: ragged.lengths, shares: [[0, 19]] };
  const apart: Batch = {
    lengths: ragged.lengths,
    shares: [
      [8, 19],
      [0, 1],
      [1, 8],
    ],
  };
  itHasEqualBits(
    'a row goes forwards with the same bits whoever computes the others',
    forwardCase(kind, 'together', 33, together, { carried: true }),
    forwardCase(kind, 'apart', 33, apart, { carried: true }),
  );
  itHasEqualBits(
    'units go forwards with the same bits whoever computes the others',
    forwardCase(kind, 'ragged', 64, ragged, { carried: true }),
    forwardCase(kind, 'a team', 64, team, { carried: true }),
  );
  itHasEqualBits(
    'units go backwards with the same bits whoever computes the others',
    backwardCase(kind, 'ragged', 64, ragged, 'last', { toInitial: true }),
    backwardCase(kind, 'a team', 64, team, 'last', { toInitial: true }),
  );
  itHasEqualBits(
    'a row goes backwards with the same bits whoever computes the others',
    backwardCase(kind, 'together', 33, together, 'above'),
    backwardCase(kind, 'apart', 33, apart, 'above'),
  );
});
