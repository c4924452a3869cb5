import { PANEL } from '../../tensor/heap.js';
import { dot, element, setElement, sigmoid } from './operands.js';
import { defineBackward, defineForward } from './recurrence.js';
import type { RowMap } from './rows.js';
import {
  beginStates,
  columnOf,
  leaveGradients,
  placeAt,
  placeBefore,
  throughSums,
} from './sequence-reference.js';
import type {
  BackwardOperands,
  CellKernels,
  ForwardOperands,
  SequenceCall,
  SequenceOperands,
  SequenceShare,
} from './sequence.js';

/** Its weights: blocks r, z, n, all of them added to what comes from below. */
export const GRU_ORIGINAL_ROWS: RowMap = { blocks: 3, of: 3, panels: [0, 1, 2] };

const kernels: CellKernels = {
  name: 'gru_original',
  panels: 3,
  products: 3,
  states: 1,
  halves: 2,
};

/** Expects inner weights, those of n, and a place for what they are multiplied with: r h_{t−1}. */
export const gruOriginalForward = defineForward(kernels, referenceForward);
export const gruOriginalBackward = defineBackward(kernels, referenceBackward);

const [R, Z, N] = [0, 1, 2] as const;

function referenceForward(o: ForwardOperands): SequenceCall {
  const inner = o.inner!;
  const below = (token: number, column: number): number =>
    o.projected
      ? element(o.projected.product, o.projected.rows.get(token), column)
      : element(o.gates, token, column);
  return (share, step0, step1) => {
    if (step0 < 0) beginStates(o, kernels.states, share);
    for (let half = Math.max(step0, 0); half < step1; half++) {
      forEachElement(o, share, Math.floor(half / 2), (at) => {
        const { u, token, previous, gates, row } = at;
        const h = element(o.hidden, previous, u);
        if (half % 2 === 0) {
          const [r, z] = [R, Z].map((gate) => {
            const column = columnOf(u, gate, 2);
            return sigmoid(dot(below(token, gates[gate]), o.hidden, previous, o.weights, column));
          }) as [number, number];
          setElement(o.gates, token, gates[R], r);
          setElement(o.gates, token, gates[Z], z);
          setElement(inner.values, token, u, r * h);
          return;
        }
        const n = Math.tanh(dot(below(token, gates[N]), inner.values, token, inner.weights, u));
        const hidden = n + element(o.gates, token, gates[Z]) * (h - n);
        setElement(o.gates, token, gates[N], n);
        setElement(o.hidden, token, u, hidden);
        // The last step of the row overwrites what earlier ones put here.
        o.stateOut.set(Math.floor(u / PANEL), row, u % PANEL, hidden);
      });
    }
  };
}

function referenceBackward(o: BackwardOperands): SequenceCall {
  const inner = o.inner!;
  const { panels } = kernels;
  return (share, step0, step1) => {
    const { countsStart, steps } = share;
    for (let half = step1 - 1; half >= Math.max(step0, 0); half--) {
      const t = Math.floor(half / 2);
      const nextRows = t + 1 < steps ? o.counts.get(countsStart + t + 1) : 0;
      forEachElement(o, share, t, ({ u, token, previous, gates, row, rank }) => {
        const h = element(o.hidden, previous, u);
        const carried = element(o.work.cell, share.row0 + rank, u);
        const carry = (value: number): void => setElement(o.work.cell, share.row0 + rank, u, value);
        if (half % 2 === 0) {
          const r = element(o.gates, token, gates[R]);
          const ds = throughSums(o.gates, inner.weights, { panels, products: [N] }, token, u);
          setElement(o.gates, token, gates[R], ds * h * r * (1 - r));
          carry(carried + ds * r);
          return;
        }
        const isLast = rank >= nextRows;
        let dh = o.dHidden ? element(o.dHidden, token, u) : 0;
        if (isLast && o.dLast) dh += element(o.dLast, row, u);
        if (!isLast) {
          const next = placeAt(o, row, t + 1);
          dh += carried + throughSums(o.gates, o.weights, { panels, products: [R, Z] }, next, u);
        }
        const [z, n] = [element(o.gates, token, gates[Z]), element(o.gates, token, gates[N])];
        setElement(o.gates, token, gates[Z], dh * (h - n) * z * (1 - z));
        setElement(o.gates, token, gates[N], dh * (1 - z) * (1 - n * n));
        carry(dh * z);
      });
    }
    if (step0 < 0) leaveGradients(o, { panels, products: [R, Z] }, kernels.states, share);
  };
}

/** One hidden unit at one token. */
interface Place {
  u: number;
  rank: number;
  row: number;
  token: number;
  /** Of the state before it. */
  previous: number;
  /** Columns of r, z and n. */
  gates: readonly [number, number, number];
}

/** What a share has to do in time step t. */
function forEachElement(
  o: SequenceOperands,
  { countsStart, row0, unit0, unit1 }: SequenceShare,
  t: number,
  visit: (place: Place) => void,
): void {
  for (let rank = 0; rank < o.counts.get(countsStart + t); rank++) {
    const row = o.ranked.get(row0 + rank);
    const [token, previous] = [placeAt(o, row, t), placeBefore(o, row, t)];
    for (let u = unit0 * PANEL; u < unit1 * PANEL; u++) {
      const column = (gate: number): number => columnOf(u, gate, kernels.panels);
      visit({ u, rank, row, token, previous, gates: [column(R), column(Z), column(N)] });
    }
  }
}
