/*
 * LSTM kernels: one call runs some or all time steps of one layer, for the rows of one team of workers and a stretch
 * of the hidden units. A worker alone has all units and runs all steps at once; the members of a team meet after every
 * step, since the next one reads the hidden states of all units.
 *
 *   i = sigmoid(..)  f = sigmoid(..)  g = tanh(..)  o = sigmoid(..)      (.. = W_ih x_t + b + W_hh h_{t-1})
 *   c_t = f c_{t-1} + i g        h_t = o tanh(c_t)                       Hochreiter & Schmidhuber 1997, Gers 2000
 *
 * Tokens lie where weight gradients want them. What one step hands to the next lies in small work buffers by rank:
 * rows are ranked by falling length, those still running at step t are the first counts[t], and finished rows cost
 * nothing.
 *
 * The gates of 16 hidden units are four adjacent panels (i, f, g, o): right after their product, while they are in
 * the first-level cache, the cell is computed.
 */
#include "math.h"
#include "panel.h"

/* What forward and backward have in common; work buffers are by rank. */
typedef struct {
  double gates, gates_stride;        /* [4U][tokens][16] */
  double hidden, cell, state_stride; /* [U][tokens + rows][16]: the rows behind the tokens hold the initial state */
  double weights, weights_stride;    /* packed W_hh^T [4U][16U][16], or backwards W_hh [U][64U][16] */
  double units, tokens;              /* U, and the tokens that fit */
  double row_start, token_places;    /* int32: where each row begins in the list of its tokens' places, row after row */
  double ranked, counts;             /* int32: row of each rank; active rows of each step */
  double places;                     /* int32 [2 members][rows]: work */
  double places_stride;
} sequence_args;

/* What changes from call to call: the team's rows, and of its work the units and steps that this call is to do. */
typedef struct {
  double counts_start, steps, row0;
  double unit0, unit1, member;
  double step0, step1;
} share_args;

typedef struct {
  sequence_args s;
  double projected, projected_stride; /* first layer: input product by distinct token, or 0: it lies in the gates */
  double gather;                      /* int32 [tokens]: its row of every token */
  double state_in, state_out;         /* [2U][rows][16]: hidden and cell state before (0: zeros) and after */
  double carried_stride;
  double work_hidden, work_cell;      /* [2U][rows][16], [U][rows][16] */
  double work_gates, work_stride;     /* [4 members][rows][16] */
  share_args share;
} forward_args;

INLINE void copy_row(float *to, const float *from) {
  UNROLL for (int v = 0; v < PV; v++) vstore(to + v * VL, vload(from + v * VL));
}

INLINE void clear_row(float *to) {
  UNROLL for (int v = 0; v < PV; v++) vstore(to + v * VL, vzero());
}

/* The place of every rank's token at step t. */
INLINE void locate_tokens(char *base, const sequence_args *x, size_t row0, size_t rows, size_t t, int32_t *token) {
  const int32_t *row_start = I32(base, x->row_start), *places = I32(base, x->token_places);
  const int32_t *ranked = I32(base, x->ranked) + row0;
  for (size_t r = 0; r < rows; r++) token[r] = places[row_start[ranked[r]] + (int32_t)t];
}

/* One panel of units: places by token, sums and work buffers by rank. */
typedef struct {
  float *gate, *cell, *hidden;
  size_t gate_stride;
  const float *sum; /* four sums of products */
  size_t sum_stride;
  float *work_cell, *work_hidden;
} cell_forward;

/* The gates and the cell state of one row. */
INLINE void activate(const cell_forward *x, size_t place, size_t rank) {
  UNROLL for (int v = 0; v < PV; v++) {
    const size_t from = rank + (size_t)v * VL, to = place + (size_t)v * VL;
    const vf i = vsigmoid(vload(x->sum + from));
    const vf f = vsigmoid(vload(x->sum + x->sum_stride + from));
    const vf g = vtanh(vload(x->sum + 2 * x->sum_stride + from));
    const vf o = vsigmoid(vload(x->sum + 3 * x->sum_stride + from));
    const vf c = vfma(f, vload(x->work_cell + from), vmul(i, g));
    vstore(x->gate + to, i);
    vstore(x->gate + x->gate_stride + to, f);
    vstore(x->gate + 2 * x->gate_stride + to, g);
    vstore(x->gate + 3 * x->gate_stride + to, o);
    vstore(x->cell + to, c);
    vstore(x->work_cell + from, c);
  }
}

/* The hidden state of one row. */
INLINE void expose(const cell_forward *x, size_t place, size_t rank) {
  UNROLL for (int v = 0; v < PV; v++) {
    const size_t from = rank + (size_t)v * VL, to = place + (size_t)v * VL;
    const vf h = vmul(vload(x->gate + 3 * x->gate_stride + to), vtanh(vload(x->work_cell + from)));
    vstore(x->hidden + to, h);
    vstore(x->work_hidden + from, h);
  }
}

/* Puts the state before the first step into the work buffers and behind the tokens. */
INLINE void begin_states(char *base, const forward_args *x, size_t row0, size_t rows) {
  const size_t units = (size_t)x->s.units, stride = (size_t)x->s.state_stride;
  const size_t work_stride = (size_t)x->work_stride, carried = (size_t)x->carried_stride;
  for (size_t u = (size_t)x->share.unit0; u < (size_t)x->share.unit1; u++) {
    for (size_t r = 0; r < rows; r++) {
      const size_t row = (size_t)I32(base, x->s.ranked)[row0 + r];
      const size_t place = u * stride + ((size_t)x->s.tokens + row) * PANEL;
      float *h = F32(base, x->work_hidden) + u * work_stride + (row0 + r) * PANEL;
      float *c = F32(base, x->work_cell) + u * work_stride + (row0 + r) * PANEL;
      if (x->state_in == 0) {
        clear_row(h);
        clear_row(c);
      } else {
        const float *in = F32(base, x->state_in) + u * carried + row * PANEL;
        copy_row(h, in);
        copy_row(c, in + units * carried);
      }
      copy_row(F32(base, x->s.hidden) + place, h);
      copy_row(F32(base, x->s.cell) + place, c);
    }
  }
}

void KERNEL(lstm_forward)(char *base, const double *args) {
  const forward_args *x = (const forward_args *)args;
  const size_t gates_stride = (size_t)x->s.gates_stride, state_stride = (size_t)x->s.state_stride;
  const size_t units = (size_t)x->s.units, steps = (size_t)x->share.steps, row0 = (size_t)x->share.row0;
  const size_t unit0 = (size_t)x->share.unit0, unit1 = (size_t)x->share.unit1, member = (size_t)x->share.member;
  const size_t work_stride = (size_t)x->work_stride, carried = (size_t)x->carried_stride;
  const size_t places_stride = (size_t)x->s.places_stride;
  const int32_t *counts = I32(base, x->s.counts) + (size_t)x->share.counts_start;
  const int32_t *ranked = I32(base, x->s.ranked) + row0;
  int32_t *token = I32(base, x->s.places) + 2 * member * places_stride + row0, *from_row = token + places_stride;
  float *gates = F32(base, x->s.gates), *cell = F32(base, x->s.cell), *hidden = F32(base, x->s.hidden);
  float *work_hidden = F32(base, x->work_hidden) + row0 * PANEL;
  float *work_cell = F32(base, x->work_cell) + row0 * PANEL;
  float *work_gates = F32(base, x->work_gates) + 4 * member * work_stride + row0 * PANEL;
  if (steps == 0) return;

  if (x->share.step0 < 0) begin_states(base, x, row0, (size_t)counts[0]);
  for (size_t t = x->share.step0 < 0 ? 0 : (size_t)x->share.step0; t < (size_t)x->share.step1; t++) {
    const size_t rows = (size_t)counts[t], next_rows = t + 1 < steps ? (size_t)counts[t + 1] : 0;
    const float *previous = work_hidden + t % 2 * units * work_stride;
    float *current = work_hidden + (t + 1) % 2 * units * work_stride;
    locate_tokens(base, &x->s, row0, rows, t, token);
    if (x->projected != 0)
      for (size_t r = 0; r < rows; r++) from_row[r] = I32(base, x->gather)[token[r]];
    product p = {
        .a = previous,
        .a_stride = work_stride,
        .b = F32(base, x->s.weights),
        .b_stride = (size_t)x->s.weights_stride,
        .c = work_gates,
        .c_stride = work_stride,
        .from = x->projected != 0 ? F32(base, x->projected) : gates,
        .from_stride = x->projected != 0 ? (size_t)x->projected_stride : gates_stride,
        .gather = x->projected != 0 ? from_row : token,
        .k_panels = units,
        .start = START_GATHER,
    };
    for (size_t n = unit0; n < unit1; n++) {
      /* To and fro: what was read last in one step is read first in the next, while it is in the cache. */
      const size_t u = t % 2 == 0 ? n : unit1 - 1 - (n - unit0);
      p.c_panel = 4 * u;
      p.next = p.b + 4 * (n + 1 == unit1 ? u : t % 2 == 0 ? u + 1 : u - 1) * p.b_stride;
      KERNEL(multiply)(&p, 0, rows, 4 * u, 4 * u + 4);
      const cell_forward panel = {
          .gate = gates + 4 * u * gates_stride,
          .gate_stride = gates_stride,
          .cell = cell + u * state_stride,
          .hidden = hidden + u * state_stride,
          .sum = work_gates,
          .sum_stride = work_stride,
          .work_cell = work_cell + u * work_stride,
          .work_hidden = current + u * work_stride,
      };
      /* In two passes: tanh(c) waits for the gates before it, and the gates of the next row would wait behind it. */
      for (size_t r = 0; r < rows; r++) activate(&panel, (size_t)token[r] * PANEL, r * PANEL);
      for (size_t r = 0; r < rows; r++) expose(&panel, (size_t)token[r] * PANEL, r * PANEL);
      for (size_t r = next_rows; r < rows; r++) {
        float *final = F32(base, x->state_out) + u * carried + (size_t)ranked[r] * PANEL;
        copy_row(final, current + u * work_stride + r * PANEL);
        copy_row(final + units * carried, work_cell + u * work_stride + r * PANEL);
      }
    }
  }
}

typedef struct {
  sequence_args s;                  /* gates: in: activated, out: gradient of their pre-activations */
  double d_hidden, d_hidden_stride; /* [U][tokens][16]: gradient from the layer above, or 0 */
  double d_last, d_last_stride;     /* [U][rows][16]: gradient of the last hidden state of each row, or 0 */
  double work_gates;                /* [8U][rows][16]: gradients of two steps */
  double work_hidden, work_cell;    /* [2 members][rows][16], [U][rows][16] */
  double work_stride;
  share_args share;
} backward_args;

typedef struct {
  float *gate;
  size_t gate_stride;
  const float *cell, *previous_cell, *d_hidden;
  float *work_cell, *work_gate;
  size_t work_stride;
} cell_backward;

INLINE void differentiate(const cell_backward *x) {
  UNROLL for (int v = 0; v < PV; v++) {
    const size_t lane = (size_t)v * VL;
    const vf one = vset(1.0f);
    const vf i = vload(x->gate + lane), f = vload(x->gate + x->gate_stride + lane);
    const vf g = vload(x->gate + 2 * x->gate_stride + lane), o = vload(x->gate + 3 * x->gate_stride + lane);
    const vf dh = vload(x->d_hidden + lane), c = vtanh(vload(x->cell + lane));
    const vf dc = vfma(vmul(dh, o), vfnma(c, c, one), vload(x->work_cell + lane));
    const vf d[4] = {
        vmul(vmul(dc, g), vmul(i, vsub(one, i))),
        vmul(vmul(dc, vload(x->previous_cell + lane)), vmul(f, vsub(one, f))),
        vmul(vmul(dc, i), vfnma(g, g, one)),
        vmul(vmul(dh, c), vmul(o, vsub(one, o))),
    };
    UNROLL for (size_t gate = 0; gate < 4; gate++) {
      vstore(x->gate + gate * x->gate_stride + lane, d[gate]);
      vstore(x->work_gate + gate * x->work_stride + lane, d[gate]);
    }
    vstore(x->work_cell + lane, vmul(dc, f));
  }
}

/* Fetches what `differentiate` will read of a panel: its lines are far apart, no hardware prefetcher sees them. */
INLINE void fetch_ahead(char *base, const backward_args *x, size_t u, const int32_t *token, const int32_t *before,
                        size_t rows) {
  const size_t gates_stride = (size_t)x->s.gates_stride;
  const float *cell = F32(base, x->s.cell) + u * (size_t)x->s.state_stride;
  for (size_t r = 0; r < rows; r++) {
    const size_t place = (size_t)token[r] * PANEL;
    for (size_t gate = 0; gate < 4; gate++) PREFETCH(F32(base, x->s.gates) + (4 * u + gate) * gates_stride + place);
    PREFETCH(cell + place);
    PREFETCH(cell + (size_t)before[r] * PANEL);
    if (x->d_hidden != 0) PREFETCH(F32(base, x->d_hidden) + u * (size_t)x->d_hidden_stride + place);
  }
}

void KERNEL(lstm_backward)(char *base, const double *args) {
  const backward_args *x = (const backward_args *)args;
  const size_t gates_stride = (size_t)x->s.gates_stride, state_stride = (size_t)x->s.state_stride;
  const size_t d_stride = (size_t)x->d_hidden_stride, work_stride = (size_t)x->work_stride;
  const size_t units = (size_t)x->s.units, steps = (size_t)x->share.steps, row0 = (size_t)x->share.row0;
  const size_t unit0 = (size_t)x->share.unit0, unit1 = (size_t)x->share.unit1, member = (size_t)x->share.member;
  const size_t places_stride = (size_t)x->s.places_stride;
  const int32_t *counts = I32(base, x->s.counts) + (size_t)x->share.counts_start;
  const int32_t *ranked = I32(base, x->s.ranked) + row0;
  int32_t *token = I32(base, x->s.places) + 2 * member * places_stride + row0, *before = token + places_stride;
  float *gates = F32(base, x->s.gates);
  const float *cell = F32(base, x->s.cell);
  float *work_gates = F32(base, x->work_gates) + row0 * PANEL;
  float *work_hidden = F32(base, x->work_hidden) + 2 * member * work_stride + row0 * PANEL;
  float *work_cell = F32(base, x->work_cell) + row0 * PANEL;

  for (size_t t = (size_t)x->share.step1; t-- > (size_t)x->share.step0;) {
    const size_t rows = (size_t)counts[t], next_rows = t + 1 < steps ? (size_t)counts[t + 1] : 0;
    float *current = work_gates + t % 2 * 4 * units * work_stride;
    locate_tokens(base, &x->s, row0, rows, t, token);
    if (t > 0)
      locate_tokens(base, &x->s, row0, rows, t - 1, before);
    else
      for (size_t r = 0; r < rows; r++) before[r] = (int32_t)x->s.tokens + ranked[r];
    product p = {
        .a = work_gates + (t + 1) % 2 * 4 * units * work_stride,
        .a_stride = work_stride,
        .b = F32(base, x->s.weights),
        .b_stride = (size_t)x->s.weights_stride,
        .c = work_hidden,
        .c_stride = work_stride,
        .from = F32(base, x->d_hidden),
        .from_stride = d_stride,
        .gather = token,
        .k_panels = 4 * units,
        .start = x->d_hidden != 0 ? START_GATHER : START_ZERO,
    };
    /* Two panels at a time, as wide as a tile; to and fro as above. */
    const size_t pairs = (unit1 - unit0 + 1) / 2;
    for (size_t n = 0; n < pairs; n++) {
      const size_t first = unit0 + 2 * (t % 2 == 0 ? n : pairs - 1 - n);
      const size_t last = min_size(unit1, first + 2);
      p.c_panel = first;
      p.next = p.b + (n + 1 == pairs ? first : t % 2 == 0 ? first + 2 : first - 2) * p.b_stride;
      for (size_t u = first; u < last; u++) fetch_ahead(base, x, u, token, before, rows);
      if (next_rows > 0) KERNEL(multiply)(&p, 0, next_rows, first, last);
      for (size_t u = first; u < last; u++) {
        float *d_hidden = work_hidden + (u - first) * work_stride;
        /* Rows whose last step this is. */
        for (size_t r = next_rows; r < rows; r++) {
          float *dh = d_hidden + r * PANEL;
          if (x->d_last != 0)
            copy_row(dh, F32(base, x->d_last) + u * (size_t)x->d_last_stride + (size_t)ranked[r] * PANEL);
          else if (x->d_hidden != 0)
            copy_row(dh, F32(base, x->d_hidden) + u * d_stride + (size_t)token[r] * PANEL);
          else
            clear_row(dh);
          clear_row(work_cell + u * work_stride + r * PANEL);
        }
        for (size_t r = 0; r < rows; r++) {
          const size_t place = (size_t)token[r] * PANEL;
          differentiate(&(cell_backward){
              .gate = gates + 4 * u * gates_stride + place,
              .gate_stride = gates_stride,
              .cell = cell + u * state_stride + place,
              .previous_cell = cell + u * state_stride + (size_t)before[r] * PANEL,
              .d_hidden = d_hidden + r * PANEL,
              .work_cell = work_cell + u * work_stride + r * PANEL,
              .work_gate = current + 4 * u * work_stride + r * PANEL,
              .work_stride = work_stride,
          });
        }
      }
    }
  }
}
