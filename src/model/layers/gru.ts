import {
  GRU_HIDDEN_ROWS,
  GRU_INPUT_ROWS,
  gruBackward,
  gruForward,
} from '../../backend/kernels/gru.js';
import { ZERO } from '../parameters.js';
import { recurrentLayer } from './recurrence.js';

/**
 * Gated recurrent unit (Cho et al. 2014), in the form of cuDNN and PyTorch, whose reset gate acts behind the product:
 *
 *   r_t = σ(W_r [h_{t−1}, x_t] + b_r)                             reset gate: how much of the past the candidate sees
 *   z_t = σ(W_z [h_{t−1}, x_t] + b_z)                             update gate: how much of the past stays
 *   n_t = tanh(W_in x_t + b_in + r_t (W_hn h_{t−1} + b_hn))       candidate
 *   h_t = (1 − z_t) n_t + z_t h_{t−1}
 *
 * As the LSTM's forget gate, an open update gate lets gradients through without a matrix of weights; there is no state besides the
 * hidden one. Rows of the weights are PyTorch's blocks r, z, n.
 */
export const gru = recurrentLayer({
  kind: 'gru',
  options: () => ({}),
  cell: () => ({
    carries: ['hidden'],
    inputRows: GRU_INPUT_ROWS,
    hiddenRows: GRU_HIDDEN_ROWS,
    inputBias: ZERO,
    hiddenBias: ZERO,
    forward: gruForward,
    backward: gruBackward,
  }),
});
