import {
  rnnBackward,
  rnnForward,
  rnnNorm,
  rnnReluBackward,
  rnnReluForward,
  rnnReluNorm,
} from '../../backend/kernels/rnn.js';
import { PLAIN_ROWS } from '../../backend/kernels/rows.js';
import { ZERO } from '../weights/parameters.js';
import { recurrentLayer } from './recurrence.js';

const activations = {
  tanh: {
    forward: rnnForward,
    backward: rnnBackward,
    normed: { ...rnnNorm, state: false },
  },
  relu: {
    forward: rnnReluForward,
    backward: rnnReluBackward,
    normed: { ...rnnReluNorm, state: false },
  },
} as const;

/**
 * The plain recurrent network (Elman 1990): h_t = tanh(W [h_{t−1}, x_t] + b). From h_t to h_{t−1} a gradient is multiplied by
 * W_hhᵀ and by the slope of tanh, which is 1 at most: over many steps it vanishes, or grows without bound. With relu, max(0, …), the
 * slope is 1 or nothing, and states grow without bound, too.
 */
export const rnn = recurrentLayer({
  kind: 'rnn',
  options: (z) => ({
    activation: z
      .enum(['tanh', 'relu'])
      .default('tanh')
      .describe('What makes the hidden state of the sums.'),
  }),
  cell: ({ activation }) => ({
    carries: ['hidden'],
    inputRows: PLAIN_ROWS,
    hiddenRows: PLAIN_ROWS,
    inputBias: ZERO,
    hiddenBias: ZERO,
    ...activations[activation],
  }),
});
