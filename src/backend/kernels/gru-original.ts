import { PANEL } from '../../tensor/heap.js';
import { element, setElement, sigmoid } from './operands.js';
import { multiplied } from './pairs.js';
import { defineBackward, defineForward } from './recurrence.js';
import type { RowMap } from './rows.js';
import {
  beginStates,
  columnOf,
  fromAbove,
  fromBelow,
  leaveGradients,
  runningRows,
  throughSums,
} from './sequence-reference.js';
import type { BackwardOperands, CellKernels, ForwardOperands, SequenceCall } from './sequence.js';

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

/** Columns of r, z and n of a unit. */
const gatesOf = (u: number): [number, number, number] => [
  columnOf(u, R, kernels.panels),
  columnOf(u, Z, kernels.panels),
  columnOf(u, N, kernels.panels),
];

function referenceForward(o: ForwardOperands): SequenceCall {
  const inner = o.inner!;
  return (share, step0, step1) => {
    if (step0 < 0) beginStates(o, kernels.states, share);
    for (let half = Math.max(step0, 0); half < step1; half++) {
      for (const { row, token, previous } of runningRows(o, share, Math.floor(half / 2))) {
        for (let u = share.unit0 * PANEL; u < share.unit1 * PANEL; u++) {
          const gates = gatesOf(u);
          const h = element(o.hidden, previous, u);
          if (half % 2 === 0) {
            const [r, z] = [R, Z].map((gate) => {
              const sum = fromBelow(o, token, gates[gate]);
              return sigmoid(multiplied(sum, o.hidden, previous, o.weights, columnOf(u, gate, 2)));
            }) as [number, number];
            setElement(o.gates, token, gates[R], r);
            setElement(o.gates, token, gates[Z], z);
            setElement(inner.values, token, u, r * h);
            continue;
          }
          const sum = fromBelow(o, token, gates[N]);
          const n = Math.tanh(multiplied(sum, inner.values, token, inner.weights, u));
          const hidden = n + element(o.gates, token, gates[Z]) * (h - n);
          setElement(o.gates, token, gates[N], n);
          setElement(o.hidden, token, u, hidden);
          // The last step of the row overwrites what earlier ones put here.
          o.stateOut.set(Math.floor(u / PANEL), row, u % PANEL, hidden);
        }
      }
    }
  };
}

function referenceBackward(o: BackwardOperands): SequenceCall {
  const inner = o.inner!;
  const { panels } = kernels;
  return (share, step0, step1) => {
    for (let half = step1 - 1; half >= Math.max(step0, 0); half--) {
      for (const running of runningRows(o, share, Math.floor(half / 2))) {
        const { rank, token, previous, next } = running;
        for (let u = share.unit0 * PANEL; u < share.unit1 * PANEL; u++) {
          const gates = gatesOf(u);
          const h = element(o.hidden, previous, u);
          const carried = element(o.work.cell, rank, u);
          if (half % 2 === 0) {
            const r = element(o.gates, token, gates[R]);
            const ds = throughSums(o.gates, inner.weights, { panels, products: [N] }, token, u);
            setElement(o.gates, token, gates[R], ds * h * r * (1 - r));
            setElement(o.work.cell, rank, u, carried + ds * r);
            continue;
          }
          let dh = fromAbove(o, running, u);
          if (next !== undefined) {
            dh += carried + throughSums(o.gates, o.weights, { panels, products: [R, Z] }, next, u);
          }
          const [z, n] = [element(o.gates, token, gates[Z]), element(o.gates, token, gates[N])];
          setElement(o.gates, token, gates[Z], dh * (h - n) * z * (1 - z));
          setElement(o.gates, token, gates[N], dh * (1 - z) * (1 - n * n));
          setElement(o.work.cell, rank, u, dh * z);
        }
      }
    }
    if (step0 < 0) leaveGradients(o, { panels, products: [R, Z] }, kernels.states, share);
  };
}
