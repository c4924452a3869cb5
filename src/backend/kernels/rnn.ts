import { normedKernels } from './normed-cell.js';
import { backwardKernel, forwardKernel } from './recurrence.js';
import type { Cell } from './sequence.js';

/** A plain recurrent layer: its hidden states say all that the way back needs. */
const rnn: Cell = {
  name: 'rnn',
  panels: 1,
  productPanels: [0],
  states: 1,
  forward: ({ sums }) => ({ kept: [], hidden: Math.tanh(sums[0]!), cell: 0 }),
  backward: ({ dHidden, hidden }) => ({
    gradients: [dHidden * (1 - hidden * hidden)],
    carried: 0,
  }),
};

/** The same with max(0, …) in place of tanh. */
const rnnRelu: Cell = {
  ...rnn,
  name: 'rnn_relu',
  forward: ({ sums }) => ({ kept: [], hidden: Math.max(0, sums[0]!), cell: 0 }),
  backward: ({ dHidden, hidden }) => ({
    gradients: [hidden > 0 ? dHidden : 0],
    carried: 0,
  }),
};

export const rnnForward = forwardKernel(rnn);
export const rnnBackward = backwardKernel(rnn);
export const rnnReluForward = forwardKernel(rnnRelu);
export const rnnReluBackward = backwardKernel(rnnRelu);

/** With layer normalization. */
export const rnnNorm = normedKernels(rnn);
export const rnnReluNorm = normedKernels(rnnRelu);
