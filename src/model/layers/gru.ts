import {
  GRU_ORIGINAL_ROWS,
  gruOriginalBackward,
  gruOriginalForward,
} from '../../backend/kernels/gru-original.js';
import {
  GRU_HIDDEN_ROWS,
  GRU_INPUT_ROWS,
  gruBackward,
  gruForward,
  gruNorm,
} from '../../backend/kernels/gru.js';
import { ZERO } from '../weights/parameters.js';
import { recurrentLayer } from './recurrence.js';

const cells = {
  after: {
    inputRows: GRU_INPUT_ROWS,
    hiddenRows: GRU_HIDDEN_ROWS,
    forward: gruForward,
    backward: gruBackward,
    normed: { ...gruNorm, state: false },
  },
  before: {
    inputRows: GRU_ORIGINAL_ROWS,
    hiddenRows: GRU_ORIGINAL_ROWS,
    innerBlocks: 1,
    forward: gruOriginalForward,
    backward: gruOriginalBackward,
  },
} as const;

/**
 * Gated recurrent unit (Cho et al. 2014). With [h, x] for both vectors one behind the other, and W = [W_hh, W_ih]:
 *
 *   r_t = σ(W_r [h_{t−1}, x_t] + b_r)                             reset gate: how much of the past the candidate sees
 *   z_t = σ(W_z [h_{t−1}, x_t] + b_z)                             update gate: how much of the past stays
 *   n_t = tanh(W_in x_t + b_in + r_t (W_hn h_{t−1} + b_hn))       candidate, `reset: after` the product, as cuDNN and PyTorch have it
 *   n_t = tanh(W_n [r_t h_{t−1}, x_t] + b_n)                      or `reset: before` it, as it was published; b_n = b_in + b_hn
 *   h_t = (1 − z_t) n_t + z_t h_{t−1}
 *
 * Like an open forget gate, an open update gate lets gradients through without a matrix of weights; there is no state besides the
 * hidden one. Rows of the weights are PyTorch's blocks r, z, n. Before the product, r_t of all units is needed for each candidate: a
 * step then has two products one after the other, and teams meet twice.
 */
export const gru = recurrentLayer({
  kind: 'gru',
  options: (z) => ({
    reset: z
      .enum(['after', 'before'])
      .default('after')
      .describe(
        'Whether the reset gate acts behind the product with the recurrent weights, as in PyTorch and Keras, or on the hidden state before it, as in Cho et al. 2014 (`reset_after: false` in Keras, `linear_before_reset: 0` in ONNX).',
      ),
  }),
  cell: ({ reset }) => ({
    carries: ['hidden'],
    inputBias: ZERO,
    hiddenBias: ZERO,
    ...cells[reset],
  }),
});
