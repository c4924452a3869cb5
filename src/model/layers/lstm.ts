import { LSTM_ROWS, lstmBackward, lstmForward, lstmNorm } from '../../backend/kernels/lstm.js';
import { recurrentLayer } from './recurrence.js';

/**
 * Long short-term memory (Hochreiter & Schmidhuber 1997; with a forget gate, Gers et al. 2000). With [h, x] for both
 * vectors one behind the other, and W = [W_hh, W_ih]:
 *
 *   i_t = σ(W_i [h_{t−1}, x_t] + b_i)        input gate: how much of the new candidate is let in
 *   f_t = σ(W_f [h_{t−1}, x_t] + b_f)        forget gate: how much of the cell state stays
 *   g_t = tanh(W_C [h_{t−1}, x_t] + b_C)     candidate for the cell state, often written C̃_t
 *   o_t = σ(W_o [h_{t−1}, x_t] + b_o)        output gate: how much of the cell state shows
 *   C_t = f_t C_{t−1} + i_t g_t
 *   h_t = o_t tanh(C_t)
 *
 * From C_t to C_{t−1} a gradient is multiplied by the forget gate alone, not by a matrix of weights: while the gate is open it
 * reaches far back without vanishing. Rows of the weights are gates in PyTorch's order i, f, g, o; each b is a sum of two.
 */
export const lstm = recurrentLayer({
  kind: 'lstm',
  options: (z) => ({
    forgetBias: z
      .number()
      .min(-10)
      .max(10)
      .default(1)
      .describe(
        "The forget gate's bias before training: 1, so that the cell remembers from the start (Jozefowicz et al. 2015), or more for longer.",
      ),
  }),
  training: ['forgetBias'],
  cell: ({ forgetBias }) => ({
    carries: ['hidden', 'cell'],
    inputRows: LSTM_ROWS,
    hiddenRows: LSTM_ROWS,
    inputBias: { kind: 'blocks', values: [0, forgetBias, 0, 0] },
    hiddenBias: { kind: 'blocks', values: [0, 0, 0, 0] },
    forward: lstmForward,
    backward: lstmBackward,
    normed: { ...lstmNorm, state: true },
  }),
});
