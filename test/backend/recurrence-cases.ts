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
import { PANEL, panelsOf } from '../../src/tensor/heap.js';
import type { KernelCase } from './contract.js';
import { normOf } from './norm-layout.js';
import {
  gateFill,
  isUnit,
  layOut,
  MOST_MEMBERS,
  packedWeight,
  wordsOf,
  workOf,
  type Batch,
  type Kind,
} from './recurrence-layout.js';
import { EPSILON, uniform, type Fill } from './workbench.js';

/** The kinds of recurrent layers, and cases of their kernels. */

export const lstm: Kind = {
  name: 'lstm',
  forward: lstmForward,
  backward: lstmBackward,
  panels: 4,
  products: 4,
  states: 2,
  signed: [2],
};
export const gru: Kind = {
  ...{ name: 'gru', forward: gruForward, backward: gruBackward },
  ...{ panels: 4, products: 3, states: 1, signed: [2, 3] },
};
export const gruOriginal: Kind = {
  ...{ name: 'original gru', forward: gruOriginalForward, backward: gruOriginalBackward },
  ...{ panels: 3, products: 2, states: 1, signed: [2], halves: true },
};
export const rnn: Kind = {
  ...{ name: 'rnn', forward: rnnForward, backward: rnnBackward },
  ...{ panels: 1, products: 1, states: 1, signed: [0] },
};
export const rnnRelu: Kind = {
  ...rnn,
  ...{ name: 'rnn with relu', forward: rnnReluForward, backward: rnnReluBackward },
};

export const lstmNormed: Kind = {
  ...{ ...lstm, name: 'normalised lstm', ...lstmNorm },
  norm: { parts: 3, productPanels: [0, 1, 2, 3] },
};
export const gruNormed: Kind = {
  ...{ ...gru, name: 'normalised gru', ...gruNorm },
  norm: { parts: 2, productPanels: [0, 1, 3] },
};
export const rnnNormed: Kind = {
  ...{ ...rnn, name: 'normalised rnn', ...rnnNorm },
  norm: { parts: 2, productPanels: [0] },
};
export const rnnReluNormed: Kind = {
  ...rnnNormed,
  name: 'normalised rnn with relu',
  ...rnnReluNorm,
};

/** Two shares, with rows before, between and behind that belong to neither. */
export const ragged: Batch = {
  lengths: [2, 1, 4, 5, 3, 1, 3, 3, 2, 3, 4, 1, 3, 3, 4, 2, 1, 2, 3],
  shares: [
    [1, 14],
    [15, 18],
  ],
};
export const single: Batch = { lengths: [4], shares: [[0, 1]] };
/** Of four panels of units one member has two. */
export const team: Batch = { ...ragged, members: MOST_MEMBERS };
export const idle: Batch = {
  lengths: [1, 1, 1],
  shares: [
    [0, 0],
    [0, 3],
  ],
};

/** Products of bfloat16, and by how much what follows from them may differ from the reference's; as in float32 unless told otherwise. */
export interface Paired {
  tolerance?: number;
}

interface ForwardOptions {
  carried?: boolean;
  projected?: boolean;
  /** Whether several rows begin with the same state, whose product lies there. */
  shared?: boolean;
  paired?: Paired;
}

interface BackwardOptions {
  toInitial?: boolean;
  paired?: Paired;
}

export function forwardCase(
  kind: Kind,
  name: string,
  hidden: number,
  batch: Batch,
  { carried = false, projected = false, shared = false, paired }: ForwardOptions,
): KernelCase {
  const options = { 'carried state': carried, projected, 'shared products': shared };
  const told = Object.entries(options).flatMap(([option, isSet]) => (isSet ? [option] : []));
  return {
    name: [`${kind.name} forward`, name, `${hidden} units`, ...told].join(', '),
    prepare(bench) {
      const rows = batch.lengths.length;
      const units = panelsOf(hidden);
      const columns = kind.panels * units * PANEL;
      const distinct = 7;
      const input = gateFill(uniform(2, 1), hidden, kind.panels);
      const bound = 2 / Math.sqrt(hidden);
      const inside: Fill = (row, column) => (row < hidden ? uniform(bound, 2)(row, column) : 0);
      const { sequence, forwards, tokens } = layOut(
        bench,
        kind,
        hidden,
        { ...batch, ...(paired && { paired }) },
        {
          ...(!projected && { gates: input }),
          weights: packedWeight(bench, paired)(
            'weights',
            units * PANEL,
            kind.products * units * PANEL,
            gateFill(inside, hidden, kind.products),
          ),
          inner: packedWeight(bench, paired)(
            'inner weights',
            units * PANEL,
            units * PANEL,
            gateFill(inside, hidden, 1),
          ),
        },
      );
      const product = bench.panels('projected', distinct, columns, input);
      const places = Array.from({ length: tokens }, (_, i) => (i * 5 + 2) % distinct);
      const rowsOfTokens = bench.indices('rows of tokens', places);
      const state: Fill = (row, column) =>
        column % (units * PANEL) < hidden ? uniform(1, 3)(row, column) : 0;
      const stateIn = bench.panels('state in', rows, kind.states * units * PANEL, state);
      // Every step adds H roundings of sums below 8 to what the steps before it left; σ and tanh shrink errors.
      const tolerance =
        paired?.tolerance ?? Math.max(...batch.lengths) * (hidden + 8) * 8 * EPSILON;
      const stateOut = bench.panels('state out', rows, kind.states * units * PANEL);
      for (const buffer of ['gates', 'hidden', 'state out', ...(kind.halves ? ['inner'] : [])])
        bench.allow(buffer, tolerance);
      if (kind.states > 1) bench.allow('cell', tolerance);
      const products = bench.panels(
        'products',
        rows,
        kind.products * units * PANEL,
        gateFill(uniform(1, 4), hidden, kind.products),
      );
      const parents = bench.indices(
        'parents',
        Array.from({ length: rows }, (_, row) => (row * row + 3) % rows),
      );
      const norm = normOf(bench, kind, hidden, tokens, 'forwards');
      if (kind.norm) for (const name of ['raw', 'statistics']) bench.allow(name, 20 * tolerance);
      const call = bench.backend.bind(kind.forward, {
        ...{ ...sequence, ...norm },
        ...(projected && { projected: { product, rows: rowsOfTokens } }),
        ...((carried || shared) && { stateIn }),
        ...(shared && { shared: { rows: parents, products } }),
        stateOut,
        work: {
          ...workOf(bench, rows, {
            hidden: 2 * units,
            cell: units,
            gates: (paired ? 2 * kind.panels : Math.max(2, kind.panels)) * MOST_MEMBERS,
          }),
          ...(paired && wordsOf(bench, rows, (kind.halves ? 3 : 2) * Math.ceil(units / 2))),
        },
      });
      return forwards(call);
    },
  };
}

export function backwardCase(
  kind: Kind,
  name: string,
  hidden: number,
  batch: Batch,
  from: 'above' | 'last' | 'both',
  { toInitial = false, paired }: BackwardOptions = {},
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
      const { sequence, backwards, tokens } = layOut(
        bench,
        kind,
        hidden,
        { ...batch, ...(paired && { paired }) },
        {
          gates: gateFill(activated, hidden, kind.panels),
          hidden: uniform(1, 6),
          cell: uniform(1.5, 2),
          weights: packedWeight(bench, paired)(
            'weights',
            kind.products * units * PANEL,
            hidden,
            inside,
          ),
          inner: packedWeight(bench, paired)(
            'inner weights',
            units * PANEL,
            hidden,
            uniform(bound, 7),
          ),
        },
      );
      const dHidden = bench.panels('d hidden', tokens, hidden, uniform(1, 4));
      const dLast = bench.panels('d last', rows, hidden, uniform(1, 5));
      // As forwards, with 4H terms in a sum.
      const tolerance =
        paired?.tolerance ?? Math.max(...batch.lengths) * (4 * hidden + 8) * 8 * EPSILON;
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
        work: {
          ...workOf(bench, rows, {
            hidden: 2 * MOST_MEMBERS,
            cell: units,
            gates: (2 * kind.products + (kind.halves ? 1 : 0)) * units,
          }),
          ...(paired &&
            wordsOf(
              bench,
              rows,
              2 * Math.ceil((kind.products * units) / 2) + (kind.halves ? Math.ceil(units / 2) : 0),
            )),
        },
      });
      return backwards(call, toInitial ? -1 : 0);
    },
  };
}
