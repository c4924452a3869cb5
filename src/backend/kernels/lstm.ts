import { PANEL, type Tensor } from '../../tensor/heap.js';
import type { Kernel } from './kernel.js';
import { at, columnsOf, element, maybe, setElement, sigmoid } from './operands.js';
import type { RowMap } from './rows.js';
import {
  countTokens,
  initialPlace,
  placeAt,
  sequenceArguments,
  shareNumbers,
  unitColumn,
  type ProjectedInput,
  type SequenceArguments,
  type SequenceCall,
  type SequenceOperands,
} from './sequence.js';
import { bytesOf } from './work.js';

/** An LSTM's weights: the blocks i, f, g, o, as PyTorch has them, lie side by side for each 16 hidden units. */
export const LSTM_ROWS: RowMap = { blocks: 4, of: 4, panels: [0, 1, 2, 3] };

const GATES = 4;
/** Column of a gate (0 i, 1 f, 2 g, 3 o) of a hidden unit in a gate matrix. */
const gateColumn = (unit: number, gate: number): number => unitColumn(unit, gate, GATES);

interface LstmOperands extends SequenceOperands {
  /** [U, places + rows, 16]: cell states, laid out as the hidden ones */
  cell: Tensor;
}

export interface LstmForwardOperands extends LstmOperands {
  /** Other layers than the first have the input product in `gates`, which the activated gates replace. */
  projected?: ProjectedInput;
  /** [2U, rows, 16]: carried hidden state, then cell state; zeros when absent */
  stateIn?: Tensor;
  /** [2U, rows, 16]: both after the last step of every row */
  stateOut: Tensor;
  /** [2U, rows, 16], [U, rows, 16] and [4 members, rows, 16] */
  work: { hidden: Tensor; cell: Tensor; gates: Tensor };
}

/** Some or all time steps of one LSTM layer, forwards, for some rows and hidden units. */
export const lstmForward: Kernel<LstmForwardOperands, SequenceArguments> = {
  name: 'lstm_forward',
  arguments: (o) => {
    const { work, stateOut, stateIn, projected } = o;
    return [
      ...sequenceArguments(o, o.cell),
      ...[maybe(projected?.product), projected?.product.stride[0] ?? 0, maybe(projected?.rows)],
      ...[maybe(stateIn), at(stateOut), stateOut.stride[0]!],
      ...[at(work.hidden), at(work.cell), at(work.gates), work.gates.stride[0]!],
    ];
  },
  call: shareNumbers,
  reference: forward,
  work: (o) => ({
    kernel: 'lstm forward',
    about: o.weights,
    changes: o.projected ? [] : [o.gates],
    of(share, step0, step1) {
      const { tokens } = countTokens(o, share, step0, step1);
      const hidden = columnsOf(o.hidden);
      const distinct = o.projected ? Math.min(tokens, o.projected.product.shape[1]!) : tokens;
      const units = (share.unit1 - share.unit0) * PANEL;
      return {
        size: `${tokens} × ${hidden} × ${4 * units}`,
        flops: 8 * tokens * hidden * units,
        // Weights; sums of input products; gates, hidden and cell states.
        bytes: bytesOf(o.gates, units * (4 * hidden + 4 * distinct + 6 * tokens)),
      };
    },
  }),
};

export interface LstmBackwardOperands extends LstmOperands {
  /** [U, places, 16]: gradient from the layer above for every token */
  dHidden?: Tensor;
  /** [U, rows, 16]: gradient of the last hidden state of every row, instead */
  dLast?: Tensor;
  /** [8U, rows, 16], [2 members, rows, 16] and [U, rows, 16] */
  work: { gates: Tensor; hidden: Tensor; cell: Tensor };
}

/** The same backwards: turns activated gates into the gradients of their pre-activations. */
export const lstmBackward: Kernel<LstmBackwardOperands, SequenceArguments> = {
  name: 'lstm_backward',
  arguments: (o) => {
    const { work, dHidden, dLast } = o;
    return [
      ...sequenceArguments(o, o.cell),
      ...[maybe(dHidden), dHidden?.stride[0] ?? 0, maybe(dLast), dLast?.stride[0] ?? 0],
      ...[at(work.gates), at(work.hidden), at(work.cell), work.gates.stride[0]!],
    ];
  },
  call: shareNumbers,
  reference: backward,
  work: (o) => ({
    kernel: 'lstm backward',
    about: o.weights,
    changes: [o.gates],
    of(share, step0, step1) {
      const { tokens, rows, rowsAfter } = countTokens(o, share, step0, step1);
      const hidden = columnsOf(o.hidden);
      // Nothing comes back to the rows' last steps.
      const last = rows - rowsAfter;
      const given = o.dHidden ? tokens : last;
      const units = (share.unit1 - share.unit0) * PANEL;
      return {
        size: `${tokens} × ${4 * hidden} × ${units}`,
        flops: 8 * (tokens - last) * hidden * units,
        // Weights; gates read and their gradients written; cell states; gradients from above.
        bytes: bytesOf(o.gates, units * (4 * hidden + 9 * tokens + rows + given)),
      };
    },
  }),
};

function forward(o: LstmForwardOperands): SequenceCall {
  const units = columnsOf(o.hidden);
  const panels = o.hidden.shape[0]!;
  const carried = (half: number, row: number, u: number): number =>
    o.stateIn ? o.stateIn.get(half * panels + Math.floor(u / PANEL), row, u % PANEL) : 0;
  return ({ countsStart, steps, row0, unit0, unit1 }, step0, step1) => {
    const started = steps > 0 && step0 < 0 ? o.counts.get(countsStart) : 0;
    for (let r = 0; r < started; r++) {
      const row = o.ranked.get(row0 + r);
      for (let u = unit0 * PANEL; u < unit1 * PANEL; u++) {
        setElement(o.hidden, initialPlace(o, row), u, carried(0, row, u));
        setElement(o.cell, initialPlace(o, row), u, carried(1, row, u));
      }
    }
    for (let t = Math.max(step0, 0); t < step1; t++) {
      for (let r = 0; r < o.counts.get(countsStart + t); r++) {
        const row = o.ranked.get(row0 + r);
        const token = placeAt(o, row, t);
        const previous = t > 0 ? placeAt(o, row, t - 1) : initialPlace(o, row);
        for (let u = unit0 * PANEL; u < unit1 * PANEL; u++) {
          const sums = [0, 1, 2, 3].map((gate) => {
            const column = gateColumn(u, gate);
            let sum = o.projected
              ? element(o.projected.product, o.projected.rows.get(token), column)
              : element(o.gates, token, column);
            for (let k = 0; k < units; k++) {
              sum += element(o.hidden, previous, k) * element(o.weights, k, column);
            }
            return sum;
          });
          const [i, f, g, out] = [
            sigmoid(sums[0]!),
            sigmoid(sums[1]!),
            Math.tanh(sums[2]!),
            sigmoid(sums[3]!),
          ];
          [i, f, g, out].forEach((value, gate) => {
            setElement(o.gates, token, gateColumn(u, gate), value);
          });
          const c = f * element(o.cell, previous, u) + i * g;
          setElement(o.cell, token, u, c);
          setElement(o.hidden, token, u, out * Math.tanh(c));
          // The last step of the row overwrites what earlier ones put here.
          const panel = Math.floor(u / PANEL);
          o.stateOut.set(panel, row, u % PANEL, element(o.hidden, token, u));
          o.stateOut.set(panels + panel, row, u % PANEL, c);
        }
      }
    }
  };
}

function backward(o: LstmBackwardOperands): SequenceCall {
  const units = columnsOf(o.cell);
  return ({ countsStart, steps, row0, unit0, unit1 }, step0, step1) => {
    for (let t = step1 - 1; t >= step0; t--) {
      const nextRows = t + 1 < steps ? o.counts.get(countsStart + t + 1) : 0;
      for (let r = 0; r < o.counts.get(countsStart + t); r++) {
        const row = o.ranked.get(row0 + r);
        const token = placeAt(o, row, t);
        const previous = t > 0 ? placeAt(o, row, t - 1) : initialPlace(o, row);
        const isLast = r >= nextRows;
        for (let u = unit0 * PANEL; u < unit1 * PANEL; u++) {
          let dh = o.dHidden ? element(o.dHidden, token, u) : 0;
          if (isLast && o.dLast) dh = element(o.dLast, row, u);
          for (let k = 0; k < units * 4 && !isLast; k++) {
            dh += element(o.gates, placeAt(o, row, t + 1), k) * element(o.weights, k, u);
          }
          const [i, f, g, out] = [0, 1, 2, 3].map((gate) =>
            element(o.gates, token, gateColumn(u, gate)),
          ) as [number, number, number, number];
          const c = Math.tanh(element(o.cell, token, u));
          const carried = isLast ? 0 : element(o.work.cell, row0 + r, u);
          const dc = carried + dh * out * (1 - c * c);
          const gradients = [
            dc * g * i * (1 - i),
            dc * element(o.cell, previous, u) * f * (1 - f),
            dc * i * (1 - g * g),
            dh * c * out * (1 - out),
          ];
          gradients.forEach((value, gate) => {
            setElement(o.gates, token, gateColumn(u, gate), value);
          });
          setElement(o.work.cell, row0 + r, u, dc * f);
        }
      }
    }
  };
}
