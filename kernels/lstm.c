/*
 * Whole-sequence LSTM kernels: one call runs every time step of one layer for the rows of one worker.
 *
 * Tokens lie step after step: the rows still active at step t are the first counts[t] ones, because rows are
 * sorted by falling length, so finished rows cost nothing. The gates of 16 hidden units are four adjacent
 * panels (i, f, g, o): right after their product, while they are in the first-level cache, the cell is computed.
 *
 *   i = sigmoid(..)  f = sigmoid(..)  g = tanh(..)  o = sigmoid(..)      (.. = W_ih x_t + b + W_hh h_{t-1})
 *   c_t = f c_{t-1} + i g        h_t = o tanh(c_t)                       Hochreiter & Schmidhuber 1997, Gers 2000
 */
#include "math.h"
#include "panel.h"

typedef struct {
  double gates, gates_stride;          /* [4U][tokens][16]: in: input product (or nothing), out: activated gates */
  double cell, hidden, state_stride;   /* [U][tokens + rows][16]: the rows behind the tokens hold the initial state */
  double weights, weights_stride;      /* [4U][16U][16], packed W_hh^T */
  double units;                        /* U: panels of hidden units */
  double projected, projected_stride;  /* first layer: input product by distinct token, or 0 */
  double gather;                       /* int32 [tokens]: its row of every token */
  double initial_row;                  /* first row of the initial states in cell and hidden */
  double state_in;                     /* [2][U][rows][16] carried (hidden, cell), or 0 for zeros */
  double state_out;                    /* [2][U][rows][16] final (hidden, cell) of every row */
  double carried_stride;               /* stride of the two above; the cell half lies U * carried_stride behind */
  /* per call */
  double counts, steps;                /* int32 [steps] active rows, number of steps */
  double token0, row0;                 /* the worker's first token and first row */
} forward_args;

INLINE void copy_row(float *to, const float *from) {
  UNROLL for (int v = 0; v < PV; v++) vstore(to + v * VL, vload(from + v * VL));
}

INLINE void clear_row(float *to) {
  UNROLL for (int v = 0; v < PV; v++) vstore(to + v * VL, vzero());
}

INLINE void activate(float *gate, size_t gate_stride, const float *previous_cell, float *cell, float *hidden) {
  UNROLL for (int v = 0; v < PV; v++) {
    const size_t lane = (size_t)v * VL;
    const vf i = vsigmoid(vload(gate + lane));
    const vf f = vsigmoid(vload(gate + gate_stride + lane));
    const vf g = vtanh(vload(gate + 2 * gate_stride + lane));
    const vf o = vsigmoid(vload(gate + 3 * gate_stride + lane));
    const vf c = vfma(f, vload(previous_cell + lane), vmul(i, g));
    vstore(gate + lane, i);
    vstore(gate + gate_stride + lane, f);
    vstore(gate + 2 * gate_stride + lane, g);
    vstore(gate + 3 * gate_stride + lane, o);
    vstore(cell + lane, c);
    vstore(hidden + lane, vmul(o, vtanh(c)));
  }
}

void KERNEL(lstm_forward)(char *base, const double *args) {
  const forward_args *x = (const forward_args *)args;
  const size_t gates_stride = (size_t)x->gates_stride, state_stride = (size_t)x->state_stride;
  const size_t units = (size_t)x->units, steps = (size_t)x->steps, carried = (size_t)x->carried_stride;
  const size_t row0 = (size_t)x->row0, initial = (size_t)x->initial_row + row0;
  const int32_t *counts = I32(base, x->counts);
  float *gates = F32(base, x->gates), *cell = F32(base, x->cell), *hidden = F32(base, x->hidden);
  float *out = F32(base, x->state_out);
  if (steps == 0) return;

  for (size_t u = 0; u < units; u++) {
    for (size_t r = 0; r < (size_t)counts[0]; r++) {
      float *h = hidden + u * state_stride + (initial + r) * PANEL;
      float *c = cell + u * state_stride + (initial + r) * PANEL;
      if (x->state_in == 0) {
        clear_row(h);
        clear_row(c);
      } else {
        const float *in = F32(base, x->state_in) + u * carried + (row0 + r) * PANEL;
        copy_row(h, in);
        copy_row(c, in + units * carried);
      }
    }
  }

  size_t previous = initial, token = (size_t)x->token0;
  for (size_t t = 0; t < steps; t++) {
    const size_t rows = (size_t)counts[t], next_rows = t + 1 < steps ? (size_t)counts[t + 1] : 0;
    const product p = {
        .a = hidden + previous * PANEL,
        .a_stride = state_stride,
        .b = F32(base, x->weights),
        .b_stride = (size_t)x->weights_stride,
        .c = gates + token * PANEL,
        .c_stride = gates_stride,
        .from = F32(base, x->projected),
        .from_stride = (size_t)x->projected_stride,
        .gather = I32(base, x->gather) + token,
        .k_panels = units,
        .n_panels = 4 * units,
        .start = x->projected == 0 ? START_RESULT : START_GATHER,
    };
    for (size_t u = 0; u < units; u++) {
      KERNEL(multiply)(&p, 0, rows, 4 * u, 4 * u + 4);
      for (size_t r = 0; r < rows; r++)
        activate(gates + 4 * u * gates_stride + (token + r) * PANEL, gates_stride,
                 cell + u * state_stride + (previous + r) * PANEL,
                 cell + u * state_stride + (token + r) * PANEL,
                 hidden + u * state_stride + (token + r) * PANEL);
      for (size_t r = next_rows; r < rows; r++) {
        float *final = out + u * carried + (row0 + r) * PANEL;
        copy_row(final, hidden + u * state_stride + (token + r) * PANEL);
        copy_row(final + units * carried, cell + u * state_stride + (token + r) * PANEL);
      }
    }
    previous = token;
    token += rows;
  }
}

typedef struct {
  double gates, gates_stride;             /* in: activated gates, out: gradient of their pre-activations */
  double cell, state_stride;              /* as the forward pass left them */
  double weights, weights_stride;         /* [U][64U][16], packed W_hh */
  double units;
  double d_hidden, d_hidden_stride;       /* [U][tokens][16]: gradient from the layer above; overwritten */
  double has_output;                      /* 1: d_hidden holds it for every token; 0: only d_last counts */
  double d_last, d_last_stride;           /* [U][rows][16]: gradient of the last hidden state of each row, or 0 */
  double d_cell, d_cell_stride;           /* [U][rows][16]: scratch */
  double initial_row;
  /* per call */
  double counts, steps, token0, row0;
} backward_args;

INLINE void differentiate(float *gate, size_t gate_stride, const float *previous_cell, const float *cell,
                          const float *d_hidden, float *d_cell) {
  UNROLL for (int v = 0; v < PV; v++) {
    const size_t lane = (size_t)v * VL;
    const vf one = vset(1.0f);
    const vf i = vload(gate + lane), f = vload(gate + gate_stride + lane);
    const vf g = vload(gate + 2 * gate_stride + lane), o = vload(gate + 3 * gate_stride + lane);
    const vf dh = vload(d_hidden + lane), c = vtanh(vload(cell + lane));
    const vf dc = vfma(vmul(dh, o), vfnma(c, c, one), vload(d_cell + lane));
    vstore(gate + lane, vmul(vmul(dc, g), vmul(i, vsub(one, i))));
    vstore(gate + gate_stride + lane, vmul(vmul(dc, vload(previous_cell + lane)), vmul(f, vsub(one, f))));
    vstore(gate + 2 * gate_stride + lane, vmul(vmul(dc, i), vfnma(g, g, one)));
    vstore(gate + 3 * gate_stride + lane, vmul(vmul(dh, c), vmul(o, vsub(one, o))));
    vstore(d_cell + lane, vmul(dc, f));
  }
}

void KERNEL(lstm_backward)(char *base, const double *args) {
  const backward_args *x = (const backward_args *)args;
  const size_t gates_stride = (size_t)x->gates_stride, state_stride = (size_t)x->state_stride;
  const size_t d_stride = (size_t)x->d_hidden_stride, d_cell_stride = (size_t)x->d_cell_stride;
  const size_t units = (size_t)x->units, steps = (size_t)x->steps, row0 = (size_t)x->row0;
  const int32_t *counts = I32(base, x->counts);
  float *gates = F32(base, x->gates), *d_hidden = F32(base, x->d_hidden);
  const float *cell = F32(base, x->cell);

  size_t token = (size_t)x->token0;
  for (size_t t = 0; t < steps; t++) token += (size_t)counts[t];

  for (size_t t = steps; t-- > 0;) {
    const size_t rows = (size_t)counts[t], next_rows = t + 1 < steps ? (size_t)counts[t + 1] : 0;
    const size_t next = token; /* first token of step t + 1 */
    token -= rows;
    const size_t previous = t > 0 ? token - (size_t)counts[t - 1] : (size_t)x->initial_row + row0;
    const product p = {
        .a = gates + next * PANEL,
        .a_stride = gates_stride,
        .b = F32(base, x->weights),
        .b_stride = (size_t)x->weights_stride,
        .c = d_hidden + token * PANEL,
        .c_stride = d_stride,
        .k_panels = 4 * units,
        .n_panels = units,
        .start = x->has_output != 0 ? START_RESULT : START_ZERO,
    };
    /* Two panels at a time, as wide as a tile: both are in the first-level cache when the cell needs them. */
    for (size_t first = 0; first < units; first += 2) {
      const size_t last = min_size(units, first + 2);
      if (next_rows > 0) KERNEL(multiply)(&p, 0, next_rows, first, last);
      for (size_t u = first; u < last; u++) {
        for (size_t r = next_rows; r < rows; r++) {
          float *dh = d_hidden + u * d_stride + (token + r) * PANEL;
          if (x->d_last != 0)
            copy_row(dh, F32(base, x->d_last) + u * (size_t)x->d_last_stride + (row0 + r) * PANEL);
          clear_row(F32(base, x->d_cell) + u * d_cell_stride + (row0 + r) * PANEL);
        }
        float *d_cell = F32(base, x->d_cell) + u * d_cell_stride + row0 * PANEL;
        for (size_t r = 0; r < rows; r++)
          differentiate(gates + 4 * u * gates_stride + (token + r) * PANEL, gates_stride,
                        cell + u * state_stride + (previous + r) * PANEL,
                        cell + u * state_stride + (token + r) * PANEL,
                        d_hidden + u * d_stride + (token + r) * PANEL, d_cell + r * PANEL);
      }
    }
  }
}
