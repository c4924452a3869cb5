import { sigmoid } from './operands.js';
import { normedKernels } from './normed-cell.js';
import { backwardKernel, forwardKernel } from './recurrence.js';
import type { RowMap } from './rows.js';
import type { Cell } from './sequence.js';

/** An LSTM's weights: the blocks i, f, g, o, as PyTorch has them, lie side by side for each 16 hidden units. */
export const LSTM_ROWS: RowMap = { blocks: 4, of: 4, panels: [0, 1, 2, 3] };

const lstm: Cell = {
  name: 'lstm',
  panels: 4,
  productPanels: [0, 1, 2, 3],
  states: 2,
  forward({ sums, previousCell }) {
    const [i, f, o] = [sigmoid(sums[0]!), sigmoid(sums[1]!), sigmoid(sums[3]!)];
    const g = Math.tanh(sums[2]!);
    const cell = f * previousCell + i * g;
    return { kept: [i, f, g, o], hidden: o * Math.tanh(cell), cell };
  },
  backward({ kept, dHidden, carried, cell, previousCell }) {
    const [i, f, g, o] = kept as [number, number, number, number];
    const c = Math.tanh(cell);
    const dCell = carried + dHidden * o * (1 - c * c);
    return {
      gradients: [
        dCell * g * i * (1 - i),
        dCell * previousCell * f * (1 - f),
        dCell * i * (1 - g * g),
        dHidden * c * o * (1 - o),
      ],
      carried: dCell * f,
    };
  },
};

/** Expects cell states, as the hidden ones. */
export const lstmForward = forwardKernel(lstm);
export const lstmBackward = backwardKernel(lstm);

/** With layer normalization, of the cell state, too. */
export const lstmNorm = normedKernels({
  ...lstm,
  state: {
    show: (kept, y) => kept[3]! * Math.tanh(y),
    hide(kept, dHidden, y) {
      const [i, f, g, o] = kept as [number, number, number, number];
      const shown = Math.tanh(y);
      return {
        dy: dHidden * o * (1 - shown * shown),
        kept: [i, f, g, dHidden * shown * o * (1 - o)],
      };
    },
    backward(kept, dCell, previousCell) {
      const [i, f, g, dOutput] = kept as [number, number, number, number];
      return {
        gradients: [
          dCell * g * i * (1 - i),
          dCell * previousCell * f * (1 - f),
          dCell * i * (1 - g * g),
          dOutput,
        ],
        carried: dCell * f,
      };
    },
  },
});
