import { rnnBackward, rnnForward } from '../../backend/kernels/rnn.js';
import { PLAIN_ROWS } from '../../backend/kernels/rows.js';
import { ZERO } from '../parameters.js';
import { recurrentLayer } from './recurrence.js';

/**
 * The plain recurrent network (Elman 1990): h_t = tanh(W [h_{t−1}, x_t] + b). From h_t to h_{t−1} a gradient is multiplied by
 * W_hhᵀ and by the slope of tanh, which is 1 at most: over many steps it vanishes, or grows without bound.
 */
export const rnn = recurrentLayer({
  kind: 'rnn',
  carries: ['hidden'],
  inputRows: PLAIN_ROWS,
  hiddenRows: PLAIN_ROWS,
  inputBias: ZERO,
  hiddenBias: ZERO,
  forward: rnnForward,
  backward: rnnBackward,
});
