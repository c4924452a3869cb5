import { sigmoid } from './operands.js';
import { normedKernels } from './normed-cell.js';
import { backwardKernel, forwardKernel } from './recurrence.js';
import type { RowMap } from './rows.js';
import type { Cell } from './sequence.js';

/**
 * A GRU's weights: PyTorch's blocks r, z, n. What comes from below and the product with the hidden state meet in the first two
 * panels; for n they stay apart, since the reset gate multiplies the latter alone.
 */
export const GRU_INPUT_ROWS: RowMap = { blocks: 3, of: 4, panels: [0, 1, 2] };
export const GRU_HIDDEN_ROWS: RowMap = { blocks: 3, of: 4, panels: [0, 1, 3] };

const gru: Cell = {
  name: 'gru',
  panels: 4,
  productPanels: GRU_HIDDEN_ROWS.panels,
  states: 1,
  forward({ sums, previousHidden }) {
    const [r, z, a] = [sigmoid(sums[0]!), sigmoid(sums[1]!), sums[3]!];
    const n = Math.tanh(sums[2]! + r * a);
    return { kept: [r, z, n, a], hidden: n + z * (previousHidden - n), cell: 0 };
  },
  backward({ kept, dHidden, carried, previousHidden }) {
    const [r, z, n, a] = kept as [number, number, number, number];
    const dh = dHidden + carried;
    const dn = dh * (1 - z) * (1 - n * n);
    return {
      gradients: [dn * a * r * (1 - r), dh * (previousHidden - n) * z * (1 - z), dn, dn * r],
      carried: dh * z,
    };
  },
};

export const gruForward = forwardKernel(gru);
export const gruBackward = backwardKernel(gru);

/** With layer normalization. */
export const gruNorm = normedKernels(gru);
