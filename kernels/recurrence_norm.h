/*
 * The loops of recurrent layers whose cells have layer normalization (Ba et al. 2016). What comes from h_{t-1} is normalised over all
 * sums of all units before it is added to what comes from below, which was normalised on its own (gate_norm.c):
 *
 *   sums = N(W_ih x_t) g_ih + b + N(W_hh h_{t-1}) g_hh      N(v) = (v - mean of v) / sqrt(variance of v + epsilon)
 *
 * and of an LSTM so is the cell state before it shows. What is normalised must be there for all units first, so that a step has parts,
 * between which a team meets: the products; all that follows from them; with a normalised cell state (NORM_PARTS 3) the hidden state.
 * Backwards the same parts come in the opposite order. Every member forms the means of whole rows, as it would alone.
 *
 * The cell's source says, besides what sequence.h asks for, NORM_PARTS, and defines activate, expose and differentiate as for
 * recurrence.h, or in place of the latter two, with NORM_PARTS 3, show, hide and differentiate_state.
 */
#ifndef LOCKSTEP_RECURRENCE_NORM_H
#define LOCKSTEP_RECURRENCE_NORM_H

#include "normed.h"

typedef struct {
  norm_args n;
  forward_args f;
} norm_forward_args;

typedef struct {
  norm_args n;
  backward_args b;
} norm_backward_args;

INLINE void activate(const cell_forward *x, size_t place, size_t rank);

#if NORM_PARTS == 3
/* The hidden state of a row, y being what of the normalised cell state shows. */
INLINE void show(const cell_forward *x, size_t place, size_t rank, int v, vf y);
/* Backwards: the gradient of y, and of what lets it show. */
INLINE void hide(float *gate, size_t gate_stride, const float *d_hidden, float *d_state, int v, vf y);
/* From the gradient of the cell state to those of the sums, and to the step before. */
INLINE void differentiate_state(float *gate, size_t gate_stride, const float *previous_cell, float *carried, int v, vf dc);
#else
INLINE void expose(const cell_forward *x, size_t place, size_t rank);
INLINE void differentiate(const cell_backward *x);
#endif

INLINE void run_norm_forward(char *base, const double *args) {
  const norm_forward_args *a = (const norm_forward_args *)args;
  const norm_args *n = &a->n;
  const forward_args *x = &a->f;
  const share w = begin_share(base, &x->s, &x->share);
  int32_t *from_row = w.other;
  const size_t work_stride = (size_t)x->work_stride, carried = (size_t)x->carried_stride;
  const size_t raw_stride = (size_t)n->raw_stride, kept_stride = (size_t)n->statistics_stride;
  float *raw = F32(base, n->raw), *kept = F32(base, n->statistics);
  float *work_hidden = F32(base, x->work_hidden) + w.row0 * PANEL;
  float *work_cell = F32(base, x->work_cell) + w.row0 * PANEL;
  float *work_gates = F32(base, x->work_gates) + NORM_UNITS * PANELS * w.member * work_stride + w.row0 * PANEL;
  const float *gain = F32(base, n->gain);
  const float *from = x->projected != 0 ? F32(base, x->projected) : w.gates;
  const size_t from_stride = x->projected != 0 ? (size_t)x->projected_stride : w.gates_stride;
  const size_t pairs = pairs_of(w.units);
  const int keeps = w.unit0 == 0 && w.unit1 > 0;
  if (w.steps == 0) return;

  if (w.begins) begin_states(base, x, w.row0, rows_at(&w, 0));
  for (size_t number = w.step0; number < w.step1; number++) {
    const size_t t = number / NORM_PARTS, part = number % NORM_PARTS;
    const size_t rows = rows_at(&w, t), next_rows = rows_at(&w, t + 1);
    const float *previous = work_hidden + t % 2 * w.units * work_stride;
    float *current = work_hidden + (t + 1) % 2 * w.units * work_stride;
    locate_tokens(base, &x->s, w.row0, rows, t, w.token);
    if (part == 0) {
      product p = {
          .a = w.words ? w.words + t % 2 * pairs * w.words_stride : previous,
          .a_stride = w.words ? w.words_stride : work_stride,
          .b = F32(base, x->s.weights),
          .b_stride = (size_t)x->s.weights_stride,
          .c = work_gates,
          .c_stride = work_stride,
          .k_panels = w.units,
          .start = START_ZERO,
          .is_near = rests_near(w.units, PRODUCT_PANELS * (w.unit1 - w.unit0)),
          .is_paired = w.words != 0,
      };
      for (size_t first = w.unit0; first < w.unit1; first += NORM_UNITS) {
        const size_t last = min_size(w.unit1, first + NORM_UNITS);
        p.c_panel = PRODUCT_PANELS * first;
        multiply_either(&p, rows, PRODUCT_PANELS * first, PRODUCT_PANELS * last);
        for (size_t u = first; u < last; u++)
          for (size_t k = 0; k < PRODUCT_PANELS; k++) {
            const size_t panel = PANELS * u + panel_of_product(k);
            const float *sums = work_gates + (PRODUCT_PANELS * (u - first) + k) * work_stride;
            for (size_t r = 0; r < rows; r++)
              copy_row(raw + panel * raw_stride + (size_t)w.token[r] * PANEL, sums + r * PANEL);
          }
      }
      continue;
    }
    for (size_t r = 0; r < rows; r++)
      from_row[r] = x->projected != 0 ? I32(base, x->gather)[w.token[r]] : w.token[r];
    for (size_t first = 0; first < rows; first += NORM_BLOCK) {
      norm_block block;
      const normed all = part == 1 ? normed_sums(base, n, w.units) : normed_state(w.cell, w.state_stride, n, w.units);
      begin_block(&block, &all, w.token + first, rows - first, (float)n->epsilon, kept + 2 * (part - 1) * kept_stride,
                  kept_stride, keeps);
      for (size_t u = w.unit0; u < w.unit1; u++) {
        const cell_forward panel = {
            .gate = w.gates + PANELS * u * w.gates_stride,
            .gate_stride = w.gates_stride,
            .cell = w.cell + u * w.state_stride,
            .hidden = w.hidden + u * w.state_stride,
            .sum = work_gates,
            .sum_stride = work_stride,
            .previous_hidden = previous + u * work_stride,
            .work_cell = work_cell + u * work_stride,
            .work_hidden = current + u * work_stride,
        };
        for (size_t r = 0; r < block.rows; r++) {
          const size_t rank = (first + r) * PANEL, place = (size_t)block.row[r] * PANEL;
          if (part == 1) {
            for (size_t p = 0; p < PANELS; p++) {
              const size_t column = PANELS * u + p, source = (size_t)from_row[first + r] * PANEL;
              const int has_product = p < PRODUCT_SPLIT || p >= PRODUCT_SPLIT + PANELS - PRODUCT_PANELS;
              UNROLL for (int v = 0; v < PV; v++) {
                const vf below = vload(from + column * from_stride + source + v * VL);
                const vf normal = normal_of(raw + column * raw_stride + place + v * VL, block.mean[r], block.scale[r]);
                vstore(work_gates + p * work_stride + rank + v * VL,
                       has_product ? vfma(normal, vload(gain + column * PANEL + v * VL), below) : below);
              }
            }
            activate(&panel, place, rank);
#if NORM_PARTS == 2
            expose(&panel, place, rank);
#endif
          }
#if NORM_PARTS == 3
          if (part == 2)
            UNROLL for (int v = 0; v < PV; v++) {
              const size_t lane = (size_t)v * VL;
              const vf normal = normal_of(panel.cell + place + lane, block.mean[r], block.scale[r]);
              const vf g = vload(F32(base, n->state_gain) + u * PANEL + lane);
              show(&panel, place, rank, v, vfma(normal, g, vload(F32(base, n->state_bias) + u * PANEL + lane)));
            }
#endif
        }
      }
    }
    if (part + 1 < NORM_PARTS) continue;
    if (w.words)
      round_panels(current + w.unit0 * work_stride, work_stride, w.unit1 - w.unit0, next_rows,
                   w.words + ((t + 1) % 2 * pairs + w.unit0 / 2) * w.words_stride, w.words_stride);
    for (size_t u = w.unit0; u < w.unit1; u++)
      for (size_t r = next_rows; r < rows; r++) {
        float *final = F32(base, x->state_out) + u * carried + (size_t)w.ranked[r] * PANEL;
        copy_row(final, current + u * work_stride + r * PANEL);
        if (STATES > 1) copy_row(final + w.units * carried, work_cell + u * work_stride + r * PANEL);
      }
  }
}

INLINE void run_norm_backward(char *base, const double *args) {
  const norm_backward_args *a = (const norm_backward_args *)args;
  const norm_args *n = &a->n;
  const backward_args *x = &a->b;
  const share w = begin_share(base, &x->s, &x->share);
  int32_t *before = w.other;
  const size_t work_stride = (size_t)x->work_stride, raw_stride = (size_t)n->raw_stride;
  const size_t kept_stride = (size_t)n->statistics_stride;
  const float *kept = F32(base, n->statistics), *gain = F32(base, n->gain);
  float *d_raw = F32(base, n->d_raw);
  float *work_gates = F32(base, x->work_gates) + w.row0 * PANEL;
  float *work_hidden = F32(base, x->work_hidden) + 2 * w.member * work_stride + w.row0 * PANEL;
  float *work_carried = F32(base, x->work_carried) + w.row0 * PANEL;
  const size_t pairs = pairs_of(PRODUCT_PANELS * w.units);

  for (size_t number = w.step1; number-- > w.step0;) {
    const size_t t = number / NORM_PARTS, part = number % NORM_PARTS;
    const size_t rows = rows_at(&w, t), next_rows = rows_at(&w, t + 1);
    float *current = work_gates + t % 2 * PRODUCT_PANELS * w.units * work_stride;
    locate_tokens(base, &x->s, w.row0, rows, t, w.token);
    locate_former(base, &x->s, w.row0, rows, t, before);
    if (part + 1 == NORM_PARTS) {
      product p = {
          .a = w.words ? w.words + (t + 1) % 2 * pairs * w.words_stride
                       : work_gates + (t + 1) % 2 * PRODUCT_PANELS * w.units * work_stride,
          .a_stride = w.words ? w.words_stride : work_stride,
          .b = F32(base, x->s.weights),
          .b_stride = (size_t)x->s.weights_stride,
          .c = work_hidden,
          .c_stride = work_stride,
          .from = F32(base, x->d_hidden),
          .from_stride = (size_t)x->d_hidden_stride,
          .gather = w.token,
          .k_panels = PRODUCT_PANELS * w.units,
          .start = x->d_hidden != 0 ? START_GATHER : START_ZERO,
          .is_near = rests_near(w.units, PRODUCT_PANELS * (w.unit1 - w.unit0)),
          .is_paired = w.words != 0,
      };
      for (size_t first = w.unit0; first < w.unit1; first += 2) {
        const size_t last = min_size(w.unit1, first + 2);
        p.c_panel = first;
        if (next_rows > 0) multiply_either(&p, next_rows, first, last);
        for (size_t u = first; u < last; u++) {
          float *d_hidden = work_hidden + (u - first) * work_stride;
          begin_gradients(base, x, w.row0, u, w.token, next_rows, rows, d_hidden, work_carried + u * work_stride);
          for (size_t r = 0; r < rows; r++) {
            const size_t place = (size_t)w.token[r] * PANEL;
            float *gate = w.gates + PANELS * u * w.gates_stride + place;
#if NORM_PARTS == 3
            const float mean = kept[2 * kept_stride + (size_t)w.token[r]], scale = kept[3 * kept_stride + (size_t)w.token[r]];
            UNROLL for (int v = 0; v < PV; v++) {
              const size_t lane = (size_t)v * VL;
              const vf normal = normal_of(w.cell + u * w.state_stride + place + lane, mean, scale);
              const vf g = vload(F32(base, n->state_gain) + u * PANEL + lane);
              hide(gate, w.gates_stride, d_hidden + r * PANEL,
                   F32(base, n->d_state) + u * (size_t)n->d_state_stride + place, v,
                   vfma(normal, g, vload(F32(base, n->state_bias) + u * PANEL + lane)));
            }
#else
            const size_t place_before = (size_t)before[r] * PANEL;
            const float *hidden = w.hidden + u * w.state_stride;
            differentiate(&(cell_backward){
                .gate = gate,
                .gate_stride = w.gates_stride,
                .cell = w.cell + u * w.state_stride + place,
                .previous_cell = w.cell + u * w.state_stride + place_before,
                .hidden = hidden + place,
                .previous_hidden = hidden + place_before,
                .d_hidden = d_hidden + r * PANEL,
                .carried = work_carried + u * work_stride + r * PANEL,
                /* The last part writes what the product of the step before is to read. */
                .work_gate = current + PRODUCT_PANELS * u * work_stride + r * PANEL,
                .work_stride = work_stride,
            });
#endif
          }
        }
      }
      continue;
    }
    const normed all = part == 0 ? normed_sums(base, n, w.units) : normed_state(w.cell, w.state_stride, n, w.units);
    float mask[PANEL];
    mask_columns(&all, mask);
    for (size_t first = 0; first < rows; first += NORM_BLOCK) {
      norm_block block;
      const normed_output dy = part == 0
                                   ? (normed_output){w.gates, w.gates_stride, w.token + first, gain}
                                   : (normed_output){F32(base, n->d_state), (size_t)n->d_state_stride, w.token + first,
                                                     F32(base, n->state_gain)};
      resume_block(&block, &all, w.token + first, rows - first, &dy, kept + 2 * part * kept_stride, kept_stride);
      for (size_t u = w.unit0; u < w.unit1; u++)
        for (size_t r = 0; r < block.rows; r++) {
          const size_t place = (size_t)block.row[r] * PANEL, rank = (first + r) * PANEL;
          UNROLL for (int v = 0; v < PV; v++) {
            const size_t lane = (size_t)v * VL;
            const vf scale = vmul(vset(block.scale[r]), mask_of(&all, mask, u, v));
            if (part == 0) {
              UNROLL for (size_t k = 0; k < PRODUCT_PANELS; k++) {
                const size_t panel = normed_panel(&all, u, k);
                const vf normal = normal_of(all.values + panel * raw_stride + place + lane, block.mean[r], block.scale[r]);
                const vf dy_gain = vmul(vload(w.gates + panel * w.gates_stride + place + lane), vload(gain + panel * PANEL + lane));
                const vf d = vmul(normed_rest(dy_gain, normal, block.sum[r], block.product[r]), scale);
                vstore(d_raw + panel * raw_stride + place + lane, d);
                vstore(current + (PRODUCT_PANELS * u + k) * work_stride + rank + lane, d);
              }
            }
#if NORM_PARTS == 3
            else {
              const vf normal = normal_of(w.cell + u * w.state_stride + place + lane, block.mean[r], block.scale[r]);
              const vf dy_gain = vmul(vload(dy.values + u * dy.stride + place + lane), vload(dy.gain + u * PANEL + lane));
              const vf dc = vmul(normed_rest(dy_gain, normal, block.sum[r], block.product[r]), scale);
              float *carried = work_carried + u * work_stride + rank;
              differentiate_state(w.gates + PANELS * u * w.gates_stride + place, w.gates_stride,
                                  w.cell + u * w.state_stride + (size_t)before[first + r] * PANEL, carried, v,
                                  vadd(dc, vload(carried + lane)));
            }
#endif
          }
        }
    }
    if (part == 0 && w.words)
      round_panels(current + PRODUCT_PANELS * w.unit0 * work_stride, work_stride, PRODUCT_PANELS * (w.unit1 - w.unit0), rows,
                   w.words + (t % 2 * pairs + PRODUCT_PANELS * w.unit0 / 2) * w.words_stride, w.words_stride);
  }
  if (w.begins) leave_gradients(base, x, PRODUCT_PANELS);
}

#endif
