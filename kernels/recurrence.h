/* The loops over time steps and units of all recurrent layers, around a cell: see sequence.h. */
#ifndef LOCKSTEP_RECURRENCE_H
#define LOCKSTEP_RECURRENCE_H

#include "sequence.h"

/*
 * A cell is computed in two passes over the rows of a panel: what the second one needs waits for the first one's results,
 * and the next row's first pass would wait behind it.
 */
INLINE void activate(const cell_forward *x, size_t place, size_t rank);
INLINE void expose(const cell_forward *x, size_t place, size_t rank);
INLINE void differentiate(const cell_backward *x);

/* Forwards, units whose product fills a tile, or which are rounded together; backwards one panel a unit. */
#define FORWARD_UNITS (PANELS == 1 ? 2 : 1)
#define PAIRED_UNITS 2
#define BACKWARD_UNITS 2

/*
 * Sums of a unit whose panels do not all have a product: panels of the weights count PRODUCT_PANELS for each unit, those of sums and of
 * what comes from below PANELS.
 */
INLINE void multiply_unit(const product *p, size_t rows, size_t unit, float *sums, size_t next) {
  product part = *p;
  const size_t panel = PRODUCT_PANELS * unit, end = panel + PRODUCT_PANELS, split = panel + PRODUCT_SPLIT;
  const size_t skipped = PANELS - PRODUCT_PANELS;
  part.from = p->from + skipped * unit * p->from_stride;
  part.c = sums;
  part.c_panel = panel;
  part.next = p->b + split * p->b_stride;
  multiply_either(&part, rows, panel, split);
  const size_t fetched = min_size(p->later_count, p->k_panels * (PRODUCT_SPLIT * PV / TILE_VECTORS));
  part.later += fetched;
  part.later_count -= fetched;
  part.from += skipped * p->from_stride;
  part.c += skipped * p->c_stride;
  part.next = p->b + PRODUCT_PANELS * next * p->b_stride;
  multiply_either(&part, rows, split, end);
  for (size_t s = PRODUCT_SPLIT; s < PRODUCT_SPLIT + skipped; s++)
    for (size_t r = 0; r < rows; r++)
      copy_row(sums + s * p->c_stride + r * PANEL,
               p->from + (PANELS * unit + s) * p->from_stride + (size_t)p->gather[r] * PANEL);
}

/*
 * Sums of the panels of units [first, last): what came from below, and the product with the former hidden state where there is
 * one. Then fetches the weights of the units that come next.
 */
INLINE void multiply_units(product *p, size_t rows, size_t first, size_t last, size_t next) {
  if (PRODUCT_PANELS == PANELS) {
    p->c_panel = PANELS * first;
    p->next = p->b + PRODUCT_PANELS * next * p->b_stride;
    multiply_either(p, rows, PANELS * first, PANELS * last);
    return;
  }
  for (size_t u = first; u < last; u++) {
    multiply_unit(p, rows, u, p->c + PANELS * (u - first) * p->c_stride, u + 1 < last ? u + 1 : next);
    p->later_count = 0;
  }
}

/*
 * The same of rows whose product with the state before the first step lies there, once for each distinct state: what came from below, and
 * that.
 */
INLINE void add_products(char *base, const forward_args *x, const share *w, const product *p, size_t rows, size_t first,
                         size_t last) {
  const size_t stride = (size_t)x->products_stride, skipped = PANELS - PRODUCT_PANELS;
  const int32_t *parents = I32(base, x->parents);
  for (size_t u = first; u < last; u++)
    for (size_t s = 0; s < PANELS; s++) {
      const float *from = p->from + (PANELS * u + s) * p->from_stride;
      float *to = p->c + (PANELS * (u - first) + s) * p->c_stride;
      const int has_product = s < PRODUCT_SPLIT || s >= PRODUCT_SPLIT + skipped;
      const size_t panel = PRODUCT_PANELS * u + (s < PRODUCT_SPLIT ? s : s - skipped);
      const float *products = F32(base, x->products) + (has_product ? panel * stride : 0);
      for (size_t r = 0; r < rows; r++) {
        const float *below = from + (size_t)p->gather[r] * PANEL;
        const float *own = products + (size_t)parents[w->ranked[r]] * PANEL;
        if (!has_product) copy_row(to + r * PANEL, below);
        else UNROLL for (int v = 0; v < PV; v++) vstore(to + r * PANEL + v * VL, vadd(vload(below + v * VL), vload(own + v * VL)));
      }
    }
}

/* What the next group of units reads of each row, and the places that it writes to. */
INLINE size_t list_forward(const share *w, const product *p, size_t next, size_t width, scattered_lines *lines) {
  const size_t last = min_size(w->unit1, next + width);
  size_t count = 0;
  for (size_t u = next; u < last; u++) {
    for (size_t panel = PANELS * u; p->from != w->gates && panel < PANELS * (u + 1); panel++)
      lines[count++] = (scattered_lines){p->from + panel * p->from_stride, p->gather};
    for (size_t panel = PANELS * u; panel < PANELS * (u + 1); panel++)
      lines[count++] = (scattered_lines){w->gates + panel * w->gates_stride, w->token};
    if (STATES > 1) lines[count++] = (scattered_lines){w->cell + u * w->state_stride, w->token};
    lines[count++] = (scattered_lines){w->hidden + u * w->state_stride, w->token};
  }
  return count;
}

/*
 * What the next group of units reads of each row on the way back; behind the last group that is the same one in the step before, of
 * which what came before it is not known yet.
 */
INLINE size_t list_backward(char *base, const backward_args *x, const share *w, size_t next, const int32_t *before,
                            int turns, scattered_lines *lines) {
  const int32_t *rows = turns ? before : w->token;
  const size_t last = min_size(w->unit1, next + BACKWARD_UNITS);
  size_t count = 0;
  for (size_t u = next; u < last; u++) {
    const float *state = (STATES > 1 ? w->cell : w->hidden) + u * w->state_stride;
    for (size_t panel = PANELS * u; panel < PANELS * (u + 1); panel++)
      lines[count++] = (scattered_lines){w->gates + panel * w->gates_stride, rows};
    if (x->d_hidden != 0)
      lines[count++] = (scattered_lines){F32(base, x->d_hidden) + u * (size_t)x->d_hidden_stride, rows};
    lines[count++] = (scattered_lines){state, rows};
    if (!turns) lines[count++] = (scattered_lines){state, before};
  }
  return count;
}

INLINE void run_forward(char *base, const double *args) {
  const forward_args *x = (const forward_args *)args;
  const share w = begin_share(base, &x->s, &x->share);
  int32_t *from_row = w.other;
  const size_t work_stride = (size_t)x->work_stride, carried = (size_t)x->carried_stride;
  float *work_hidden = F32(base, x->work_hidden) + w.row0 * PANEL;
  float *work_cell = F32(base, x->work_cell) + w.row0 * PANEL;
  /* Units of a group, and pairs of panels of all. */
  const size_t width = w.words ? PAIRED_UNITS : FORWARD_UNITS, pairs = pairs_of(w.units);
  float *work_gates = F32(base, x->work_gates) + width * PANELS * w.member * work_stride + w.row0 * PANEL;
  if (w.steps == 0) return;

  if (w.begins) begin_states(base, x, w.row0, rows_at(&w, 0));
  for (size_t t = w.step0; t < w.step1; t++) {
    const size_t rows = rows_at(&w, t), next_rows = rows_at(&w, t + 1);
    const float *previous = work_hidden + t % 2 * w.units * work_stride;
    float *current = work_hidden + (t + 1) % 2 * w.units * work_stride;
    locate_tokens(base, &x->s, w.row0, rows, t, w.token);
    if (x->projected != 0)
      for (size_t r = 0; r < rows; r++) from_row[r] = I32(base, x->gather)[w.token[r]];
    product p = {
        .a = w.words ? w.words + t % 2 * pairs * w.words_stride : previous,
        .a_stride = w.words ? w.words_stride : work_stride,
        .b = F32(base, x->s.weights),
        .b_stride = (size_t)x->s.weights_stride,
        .c = work_gates,
        .c_stride = work_stride,
        .from = x->projected != 0 ? F32(base, x->projected) : w.gates,
        .from_stride = x->projected != 0 ? (size_t)x->projected_stride : w.gates_stride,
        .gather = x->projected != 0 ? from_row : w.token,
        .k_panels = w.units,
        .start = START_GATHER,
        .is_near = rests_near(w.units, PRODUCT_PANELS * (w.unit1 - w.unit0)),
        .is_paired = w.words != 0,
    };
    const size_t groups = (w.unit1 - w.unit0 + width - 1) / width;
    for (size_t n = 0; n < groups; n++) {
      const size_t first = w.unit0 + width * turn(t, n, groups);
      const size_t last = min_size(w.unit1, first + width);
      const size_t next = n + 1 == groups ? first : t % 2 == 0 ? first + width : first - width;
      scattered_lines lines[PAIRED_UNITS * (2 * PANELS + 2)];
      p.later = lines;
      p.later_count = n + 1 == groups ? 0 : list_forward(&w, &p, next, width, lines);
      if (t == 0 && x->products != 0) add_products(base, x, &w, &p, rows, first, last);
      else multiply_units(&p, rows, first, last, next);
      for (size_t u = first; u < last; u++) {
        const cell_forward panel = {
            .gate = w.gates + PANELS * u * w.gates_stride,
            .gate_stride = w.gates_stride,
            .cell = w.cell + u * w.state_stride,
            .hidden = w.hidden + u * w.state_stride,
            .sum = work_gates + PANELS * (u - first) * work_stride,
            .sum_stride = work_stride,
            .previous_hidden = previous + u * work_stride,
            .work_cell = work_cell + u * work_stride,
            .work_hidden = current + u * work_stride,
        };
        for (size_t r = 0; r < rows; r++) activate(&panel, (size_t)w.token[r] * PANEL, r * PANEL);
        for (size_t r = 0; r < rows; r++) expose(&panel, (size_t)w.token[r] * PANEL, r * PANEL);
        for (size_t r = next_rows; r < rows; r++) {
          float *final = F32(base, x->state_out) + u * carried + (size_t)w.ranked[r] * PANEL;
          copy_row(final, current + u * work_stride + r * PANEL);
          if (STATES > 1) copy_row(final + w.units * carried, work_cell + u * work_stride + r * PANEL);
        }
      }
      if (w.words)
        round_panels(current + first * work_stride, work_stride, last - first, next_rows,
                     w.words + ((t + 1) % 2 * pairs + first / 2) * w.words_stride, w.words_stride);
    }
  }
}

INLINE void run_backward(char *base, const double *args) {
  const backward_args *x = (const backward_args *)args;
  const share w = begin_share(base, &x->s, &x->share);
  int32_t *before = w.other;
  const size_t d_stride = (size_t)x->d_hidden_stride, work_stride = (size_t)x->work_stride;
  float *work_gates = F32(base, x->work_gates) + w.row0 * PANEL;
  float *work_hidden = F32(base, x->work_hidden) + BACKWARD_UNITS * w.member * work_stride + w.row0 * PANEL;
  float *work_carried = F32(base, x->work_carried) + w.row0 * PANEL;
  const size_t pairs = pairs_of(PRODUCT_PANELS * w.units);

  for (size_t t = w.step1; t-- > w.step0;) {
    const size_t rows = rows_at(&w, t), next_rows = rows_at(&w, t + 1);
    float *current = work_gates + t % 2 * PRODUCT_PANELS * w.units * work_stride;
    locate_tokens(base, &x->s, w.row0, rows, t, w.token);
    locate_former(base, &x->s, w.row0, rows, t, before);
    product p = {
        .a = w.words ? w.words + (t + 1) % 2 * pairs * w.words_stride
                     : work_gates + (t + 1) % 2 * PRODUCT_PANELS * w.units * work_stride,
        .a_stride = w.words ? w.words_stride : work_stride,
        .b = F32(base, x->s.weights),
        .b_stride = (size_t)x->s.weights_stride,
        .c = work_hidden,
        .c_stride = work_stride,
        .from = F32(base, x->d_hidden),
        .from_stride = d_stride,
        .gather = w.token,
        .k_panels = PRODUCT_PANELS * w.units,
        .start = x->d_hidden != 0 ? START_GATHER : START_ZERO,
        .is_near = rests_near(w.units, PRODUCT_PANELS * (w.unit1 - w.unit0)),
        .is_paired = w.words != 0,
    };
    /* As wide as a tile. */
    const size_t groups = (w.unit1 - w.unit0 + BACKWARD_UNITS - 1) / BACKWARD_UNITS;
    for (size_t n = 0; n < groups; n++) {
      const size_t first = w.unit0 + BACKWARD_UNITS * turn(t, n, groups);
      const size_t last = min_size(w.unit1, first + BACKWARD_UNITS);
      const size_t next = n + 1 == groups ? first : t % 2 == 0 ? first + BACKWARD_UNITS : first - BACKWARD_UNITS;
      p.c_panel = first;
      p.next = p.b + next * p.b_stride;
      const int turns = n + 1 == groups;
      scattered_lines lines[BACKWARD_UNITS * (PANELS + 3)];
      p.later = lines;
      p.later_count = turns && t == 0 ? 0 : list_backward(base, x, &w, next, before, turns, lines);
      for (size_t u = first; u < last; u++) fetch_ahead(base, x, u, w.token, before, next_rows, rows);
      if (next_rows > 0) multiply_either(&p, next_rows, first, last);
      /* What is rounded right away is kept for a group alone. */
      float *gradients = w.words ? work_gates + BACKWARD_UNITS * PRODUCT_PANELS * w.member * work_stride
                                 : current + PRODUCT_PANELS * first * work_stride;
      for (size_t u = first; u < last; u++) {
        float *d_hidden = work_hidden + (u - first) * work_stride;
        begin_gradients(base, x, w.row0, u, w.token, next_rows, rows, d_hidden, work_carried + u * work_stride);
        for (size_t r = 0; r < rows; r++) {
          const size_t place = (size_t)w.token[r] * PANEL, place_before = (size_t)before[r] * PANEL;
          differentiate(&(cell_backward){
              .gate = w.gates + PANELS * u * w.gates_stride + place,
              .gate_stride = w.gates_stride,
              .cell = w.cell + u * w.state_stride + place,
              .previous_cell = w.cell + u * w.state_stride + place_before,
              .hidden = w.hidden + u * w.state_stride + place,
              .previous_hidden = w.hidden + u * w.state_stride + place_before,
              .d_hidden = d_hidden + r * PANEL,
              .carried = work_carried + u * work_stride + r * PANEL,
              .work_gate = gradients + PRODUCT_PANELS * (u - first) * work_stride + r * PANEL,
              .work_stride = work_stride,
          });
        }
      }
      if (w.words)
        round_panels(gradients, work_stride, PRODUCT_PANELS * (last - first), rows,
                     w.words + (t % 2 * pairs + PRODUCT_PANELS * first / 2) * w.words_stride, w.words_stride);
    }
  }
  if (w.begins) leave_gradients(base, x, PRODUCT_PANELS);
}

#endif
