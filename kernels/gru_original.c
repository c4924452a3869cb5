/*
 * GRU as it was published (Cho et al. 2014): the reset gate acts before the product.
 *
 *   r = sigmoid(..)  z = sigmoid(..)      (.. = W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)
 *   s = r h_{t-1}                         n = tanh(W_in x_t + b_in + W_hn s + b_hn)
 *   h_t = n + z (h_{t-1} - n)
 *
 * The product with s needs r of all units, so that a step has two halves: 2t stands for r and z of step t, 2t + 1 for n and h.
 * The panels of 16 hidden units are r, z and n; the packed W_hh has those of r and z, W_hn is packed apart, as the inner weights.
 */
#define PANELS 3
#define OUTER_PANELS 2
#define STATES 1
#define CARRIES 1 /* the gradient of h_{t-1} in the lines of s and h_t */
#include "sequence.h"

/* Units of a product of one panel each: as wide as a tile. */
#define UNITS 2

/* r, z and s of ranks [0, rows) of a unit. */
INLINE void reset(float *r_gate, float *z_gate, const float *r_sum, const float *z_sum, const float *previous, float *inner,
                  float *work_inner, const int32_t *token, size_t rows) {
  for (size_t rank = 0; rank < rows; rank++) {
    UNROLL for (int v = 0; v < PV; v++) {
      const size_t from = rank * PANEL + (size_t)v * VL, to = (size_t)token[rank] * PANEL + (size_t)v * VL;
      const vf r = vsigmoid(vload(r_sum + from)), s = vmul(r, vload(previous + from));
      vstore(r_gate + to, r);
      vstore(z_gate + to, vsigmoid(vload(z_sum + from)));
      vstore(inner + to, s);
      vstore(work_inner + from, s);
    }
  }
}

/* n and h_t of ranks [0, rows) of a unit. */
INLINE void expose_unit(const float *z_gate, float *n_gate, const float *sum, const float *previous, float *hidden,
                        float *work_hidden, const int32_t *token, size_t rows) {
  for (size_t rank = 0; rank < rows; rank++) {
    UNROLL for (int v = 0; v < PV; v++) {
      const size_t from = rank * PANEL + (size_t)v * VL, to = (size_t)token[rank] * PANEL + (size_t)v * VL;
      const vf n = vtanh(vload(sum + from));
      const vf h = vfma(vload(z_gate + to), vsub(vload(previous + from), n), n);
      vstore(n_gate + to, n);
      vstore(hidden + to, h);
      vstore(work_hidden + from, h);
    }
  }
}

void KERNEL(gru_original_forward)(char *base, const double *args) {
  const forward_args *x = (const forward_args *)args;
  const share w = begin_share(base, &x->s, &x->share);
  int32_t *from_row = w.other;
  const size_t inner_stride = (size_t)x->s.inner_stride, carried = (size_t)x->carried_stride;
  const size_t work_stride = (size_t)x->work_stride;
  float *inner = F32(base, x->s.inner);
  float *work_hidden = F32(base, x->work_hidden) + w.row0 * PANEL;
  float *work_inner = F32(base, x->work_cell) + w.row0 * PANEL;
  float *sums = F32(base, x->work_gates) + PANELS * w.member * work_stride + w.row0 * PANEL;
  const float *from = x->projected != 0 ? F32(base, x->projected) : w.gates;
  const size_t from_stride = x->projected != 0 ? (size_t)x->projected_stride : w.gates_stride;
  const size_t pairs = pairs_of(w.units), own_units = w.unit1 - w.unit0;
  float *inner_words = w.words ? w.words + 2 * pairs * w.words_stride : 0;
  if (w.steps == 0) return;

  if (w.begins) begin_states(base, x, w.row0, rows_at(&w, 0));
  for (size_t half = w.step0; half < w.step1; half++) {
    const size_t t = half / 2, rows = rows_at(&w, t), next_rows = rows_at(&w, t + 1);
    const float *previous = work_hidden + t % 2 * w.units * work_stride;
    float *current = work_hidden + (t + 1) % 2 * w.units * work_stride;
    locate_tokens(base, &x->s, w.row0, rows, t, w.token);
    if (x->projected != 0)
      for (size_t r = 0; r < rows; r++) from_row[r] = I32(base, x->gather)[w.token[r]];
    product p = {
        .c = sums,
        .c_stride = work_stride,
        .gather = x->projected != 0 ? from_row : w.token,
        .k_panels = w.units,
        .start = START_GATHER,
        .is_near = rests_near(w.units, 3 * (w.unit1 - w.unit0)),
        .is_paired = w.words != 0,
    };
    if (half % 2 == 0) {
      p.a = w.words ? w.words + t % 2 * pairs * w.words_stride : previous;
      p.a_stride = w.words ? w.words_stride : work_stride;
      p.b = F32(base, x->s.weights);
      p.b_stride = (size_t)x->s.weights_stride;
      p.from_stride = from_stride;
      for (size_t n = 0; n < w.unit1 - w.unit0; n++) {
        const size_t u = w.unit0 + turn(t, n, w.unit1 - w.unit0);
        const size_t next = n + 1 == w.unit1 - w.unit0 ? u : w.unit0 + turn(t, n + 1, w.unit1 - w.unit0);
        /* Panels of the weights count two for each unit, those of what comes from below three. */
        p.from = from + u * from_stride;
        p.c_panel = OUTER_PANELS * u;
        p.next = p.b + OUTER_PANELS * next * p.b_stride;
        multiply_either(&p, rows, OUTER_PANELS * u, OUTER_PANELS * (u + 1));
        reset(w.gates + PANELS * u * w.gates_stride, w.gates + (PANELS * u + 1) * w.gates_stride, sums, sums + work_stride,
              previous + u * work_stride, inner + u * inner_stride, work_inner + u * work_stride, w.token, rows);
      }
      if (w.words)
        round_panels(work_inner + w.unit0 * work_stride, work_stride, own_units, rows,
                     inner_words + w.unit0 / 2 * w.words_stride, w.words_stride);
      continue;
    }
    p.a = w.words ? inner_words : work_inner;
    p.a_stride = w.words ? w.words_stride : work_stride;
    p.b = F32(base, x->s.inner_weights);
    p.b_stride = (size_t)x->s.inner_weights_stride;
    /* Of what comes from below every third panel. */
    p.from = from + OUTER_PANELS * from_stride;
    p.from_stride = PANELS * from_stride;
    const size_t groups = (w.unit1 - w.unit0 + UNITS - 1) / UNITS;
    for (size_t n = 0; n < groups; n++) {
      const size_t first = w.unit0 + UNITS * turn(t, n, groups), last = min_size(w.unit1, first + UNITS);
      p.c_panel = first;
      p.next = p.b + (n + 1 == groups ? first : w.unit0 + UNITS * turn(t, n + 1, groups)) * p.b_stride;
      multiply_either(&p, rows, first, last);
      for (size_t u = first; u < last; u++) {
        expose_unit(w.gates + (PANELS * u + 1) * w.gates_stride, w.gates + (PANELS * u + 2) * w.gates_stride,
                    sums + (u - first) * work_stride, previous + u * work_stride, w.hidden + u * w.state_stride,
                    current + u * work_stride, w.token, rows);
        for (size_t r = next_rows; r < rows; r++)
          copy_row(F32(base, x->state_out) + u * carried + (size_t)w.ranked[r] * PANEL, current + u * work_stride + r * PANEL);
      }
    }
    if (w.words)
      round_panels(current + w.unit0 * work_stride, work_stride, own_units, next_rows,
                   w.words + ((t + 1) % 2 * pairs + w.unit0 / 2) * w.words_stride, w.words_stride);
  }
}

/* One row of a panel of units, backwards. */
typedef struct {
  float *r, *z, *n; /* in: what forward kept, out: gradients of the sums */
  const float *previous;
  const float *d;   /* of h_t, in the other half of s */
  float *carried;   /* to h_{t-1}, other than through sums */
  float *work_r, *work_z, *work_n;
} row_backward;

/* From h_t to n and z. */
INLINE void differentiate_hidden(const row_backward *x) {
  UNROLL for (int v = 0; v < PV; v++) {
    const size_t lane = (size_t)v * VL;
    const vf one = vset(1.0f), z = vload(x->z + lane), n = vload(x->n + lane);
    const vf dh = vadd(vload(x->d + lane), vload(x->carried + lane));
    const vf dn = vmul(vmul(dh, vsub(one, z)), vfnma(n, n, one));
    const vf dz = vmul(vmul(dh, vsub(vload(x->previous + lane), n)), vmul(z, vsub(one, z)));
    vstore(x->z + lane, dz);
    vstore(x->work_z + lane, dz);
    vstore(x->n + lane, dn);
    vstore(x->work_n + lane, dn);
    vstore(x->carried + lane, vmul(dh, z));
  }
}

/* From s to r. */
INLINE void differentiate_reset(const row_backward *x) {
  UNROLL for (int v = 0; v < PV; v++) {
    const size_t lane = (size_t)v * VL;
    const vf one = vset(1.0f), r = vload(x->r + lane), ds = vload(x->d + lane);
    const vf dr = vmul(vmul(ds, vload(x->previous + lane)), vmul(r, vsub(one, r)));
    vstore(x->r + lane, dr);
    vstore(x->work_r + lane, dr);
    vstore(x->carried + lane, vfma(ds, r, vload(x->carried + lane)));
  }
}

void KERNEL(gru_original_backward)(char *base, const double *args) {
  const backward_args *x = (const backward_args *)args;
  const share w = begin_share(base, &x->s, &x->share);
  int32_t *before = w.other;
  const size_t work_stride = (size_t)x->work_stride;
  /* Gradients of r and z of two steps, and behind them those of n of one. */
  float *work_gates = F32(base, x->work_gates) + w.row0 * PANEL;
  float *work_n = work_gates + 2 * OUTER_PANELS * w.units * work_stride;
  float *results = F32(base, x->work_hidden) + UNITS * w.member * work_stride + w.row0 * PANEL;
  float *work_carried = F32(base, x->work_carried) + w.row0 * PANEL;
  const size_t pairs = pairs_of(OUTER_PANELS * w.units), own_units = w.unit1 - w.unit0;
  float *words_n = w.words ? w.words + 2 * pairs * w.words_stride : 0;

  for (size_t half = w.step1; half-- > w.step0;) {
    const size_t t = half / 2, rows = rows_at(&w, t), next_rows = rows_at(&w, t + 1);
    const int is_reset = half % 2 == 0;
    float *current = work_gates + t % 2 * OUTER_PANELS * w.units * work_stride;
    locate_tokens(base, &x->s, w.row0, rows, t, w.token);
    locate_former(base, &x->s, w.row0, rows, t, before);
    const float *gates_after = work_gates + (t + 1) % 2 * OUTER_PANELS * w.units * work_stride;
    const float *words_after = w.words + (t + 1) % 2 * pairs * w.words_stride;
    product p = {
        .a = w.words ? is_reset ? words_n : words_after : is_reset ? work_n : gates_after,
        .a_stride = w.words ? w.words_stride : work_stride,
        .b = F32(base, is_reset ? x->s.inner_weights : x->s.weights),
        .b_stride = (size_t)(is_reset ? x->s.inner_weights_stride : x->s.weights_stride),
        .c = results,
        .c_stride = work_stride,
        .from = F32(base, x->d_hidden),
        .from_stride = (size_t)x->d_hidden_stride,
        .gather = w.token,
        .k_panels = is_reset ? w.units : OUTER_PANELS * w.units,
        .start = is_reset || x->d_hidden == 0 ? START_ZERO : START_GATHER,
        .is_near = rests_near(w.units, 3 * (w.unit1 - w.unit0)),
        .is_paired = w.words != 0,
    };
    const size_t multiplied = is_reset ? rows : next_rows;
    const size_t groups = (w.unit1 - w.unit0 + UNITS - 1) / UNITS;
    for (size_t n = 0; n < groups; n++) {
      const size_t first = w.unit0 + UNITS * turn(t, n, groups), last = min_size(w.unit1, first + UNITS);
      p.c_panel = first;
      p.next = p.b + (n + 1 == groups ? first : w.unit0 + UNITS * turn(t, n + 1, groups)) * p.b_stride;
      for (size_t u = first; !is_reset && u < last; u++) fetch_ahead(base, x, u, w.token, before, 0, rows);
      if (multiplied > 0) multiply_either(&p, multiplied, first, last);
      for (size_t u = first; u < last; u++) {
        float *d = results + (u - first) * work_stride, *carried = work_carried + u * work_stride;
        if (!is_reset) begin_gradients(base, x, w.row0, u, w.token, next_rows, rows, d, carried);
        for (size_t r = 0; r < rows; r++) {
          float *gate = w.gates + PANELS * u * w.gates_stride + (size_t)w.token[r] * PANEL;
          const row_backward row = {
              .r = gate,
              .z = gate + w.gates_stride,
              .n = gate + 2 * w.gates_stride,
              .previous = w.hidden + u * w.state_stride + (size_t)before[r] * PANEL,
              .d = d + r * PANEL,
              .carried = carried + r * PANEL,
              .work_r = current + OUTER_PANELS * u * work_stride + r * PANEL,
              .work_z = current + (OUTER_PANELS * u + 1) * work_stride + r * PANEL,
              .work_n = work_n + u * work_stride + r * PANEL,
          };
          if (is_reset) differentiate_reset(&row);
          else differentiate_hidden(&row);
        }
      }
    }
    if (w.words && is_reset)
      round_panels(current + OUTER_PANELS * w.unit0 * work_stride, work_stride, OUTER_PANELS * own_units, rows,
                   w.words + (t % 2 * pairs + OUTER_PANELS * w.unit0 / 2) * w.words_stride, w.words_stride);
    else if (w.words)
      round_panels(work_n + w.unit0 * work_stride, work_stride, own_units, rows, words_n + w.unit0 / 2 * w.words_stride,
                   w.words_stride);
  }
  if (w.begins) leave_gradients(base, x, OUTER_PANELS);
}
