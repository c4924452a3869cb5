/*
 * What the kernels of all recurrent layers have in common: one call runs some or all time steps of one layer, for the rows
 * of one team of workers and a stretch of the hidden units. A worker alone has all units and runs all steps at once; the
 * members of a team meet after every step, since the next one reads the hidden states of all units.
 *
 * Tokens lie where weight gradients want them. What one step hands to the next lies in small work buffers by rank:
 * rows are ranked by falling length, those still running at step t are the first counts[t], and finished rows cost
 * nothing.
 *
 * The panels of 16 hidden units lie side by side: right after their product, while they are in the first-level cache, the
 * cell is computed.
 *
 * A cell's source says, before it includes this file,
 *
 *   #define PANELS 4          panels of 16 units in what comes from below, in the sums, and in what is kept of them
 *   #define PRODUCT_PANELS 4  panels of 16 units of the packed W_hh
 *   #define PRODUCT_SPLIT 4   the first so many of these are added to the first sums, the others to the last ones: sums
 *                             between, if there are less panels than sums, are what came from below alone
 *   #define STATES 2          what goes from step to step: the hidden state, and with 2 a cell state
 *   #define CARRIES 1         whether differentiate hands something to the step before, besides gradients of sums
 *
 * and, after it has included this file, defines what recurrence.h declares at its beginning; then it includes that one, which has
 * the loops. gru_original.c has loops of its own: its steps have two halves, between which a team meets, too.
 */
#ifndef LOCKSTEP_SEQUENCE_H
#define LOCKSTEP_SEQUENCE_H

#include "bfloat16.h"
#include "math.h"

/* What forward and backward have in common; work buffers are by rank. P and W are PANELS and PRODUCT_PANELS. */
typedef struct {
  double gates, gates_stride;        /* [P U][tokens][16] */
  double hidden, cell, state_stride; /* [U][tokens + rows][16]: the rows behind the tokens hold the initial state */
  double weights, weights_stride;    /* packed W_hh^T [W U][16 U][16], or backwards W_hh [U][16 W U][16] */
  double units, tokens;              /* U, and the tokens that fit */
  double row_start, token_places;    /* int32: where each row begins in the list of its tokens' places, row after row */
  double ranked, counts;             /* int32: row of each rank; active rows of each step */
  double places;                     /* int32 [2 members][rows]: work */
  double places_stride;
  double inner, inner_stride;        /* with two halves: what the second one multiplies in place of h_{t-1}, [U][tokens][16] */
  double inner_weights, inner_weights_stride; /* and the packed weights of that, as those above */
  /*
   * Where products are of bfloat16 the weights are packed as pairs, and this is what they are multiplied with, rounded by the member whose
   * units these are: forwards h_{t-1} and h_t, [2 pairs of U][rows][16], backwards gradients of two steps, [2 pairs of W U][rows][16]; behind
   * them those of the second half, with two. 0: products are of float32. Members' units then begin with even ones.
   */
  double words, words_stride;
} sequence_args;

/*
 * What changes from call to call: the team's rows, and of its work the units and steps that this call is to do; halves of
 * steps where these have two.
 */
typedef struct {
  double counts_start, steps, row0;
  double unit0, unit1, member;
  double step0, step1;
} share_args;

typedef struct {
  sequence_args s;
  double projected, projected_stride; /* first layer: input product by distinct token, or 0: it lies in the gates */
  double gather;                      /* int32 [tokens]: its row of every token */
  double state_in, state_out;         /* [STATES U][rows][16]: hidden (and cell) state before (0: zeros) and after */
  double carried_stride;
  double work_hidden, work_cell;      /* [2U][rows][16], [U][rows][16] */
  double work_gates, work_stride;     /* [P members][rows][16], twice as many where P is 1 or there are words */
  double parents;                     /* int32 [rows]: which row of state_in each begins with, or 0: its own */
  double products, products_stride;   /* beside them [W U][rows of state_in][16]: the product of W_hh with these, which step 0 then does not form */
  share_args share;
} forward_args;

typedef struct {
  sequence_args s;                  /* gates: in: what forward kept, out: gradient of the sums */
  double d_hidden, d_hidden_stride; /* [U][tokens][16]: gradient from the layer above, or 0 */
  double d_last, d_last_stride;     /* [U][rows][16]: what is added to that of the last hidden state of each row, or 0 */
  double work_gates;                /* [2 W U][rows][16]: gradients of two steps; with words instead of two units of each member */
  double work_hidden, work_carried; /* [2 members][rows][16], [U][rows][16] */
  double work_stride;
  double d_initial, d_initial_stride; /* [STATES U][rows][16]: of the state before the first step, where step0 is -1 */
  share_args share;
} backward_args;

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

/* The place of what came before it: the token of step t - 1, or the state behind the tokens. */
INLINE void locate_former(char *base, const sequence_args *x, size_t row0, size_t rows, size_t t, int32_t *before) {
  const int32_t *ranked = I32(base, x->ranked) + row0;
  if (t > 0)
    locate_tokens(base, x, row0, rows, t - 1, before);
  else
    for (size_t r = 0; r < rows; r++) before[r] = (int32_t)x->tokens + ranked[r];
}

/* What every pass begins with: the numbers and lists of a call's share of a sequence. */
typedef struct {
  size_t units, steps, row0, unit0, unit1, member;
  int begins;          /* whether the state before the first step is asked for, too */
  size_t step0, step1; /* of the others */
  size_t gates_stride, state_stride, words_stride;
  float *gates, *hidden, *cell, *words; /* the last one from the first rank on; 0: there are none */
  const int32_t *counts, *ranked;
  int32_t *token, *other; /* by rank: the place of its token, and what else a pass has to know of it */
} share;

INLINE share begin_share(char *base, const sequence_args *x, const share_args *a) {
  const size_t row0 = (size_t)a->row0, member = (size_t)a->member, places_stride = (size_t)x->places_stride;
  int32_t *token = I32(base, x->places) + 2 * member * places_stride + row0;
  return (share){
      .units = (size_t)x->units,
      .steps = (size_t)a->steps,
      .row0 = row0,
      .unit0 = (size_t)a->unit0,
      .unit1 = (size_t)a->unit1,
      .member = member,
      .begins = a->step0 < 0,
      .step0 = a->step0 < 0 ? 0 : (size_t)a->step0,
      .step1 = (size_t)a->step1,
      .gates_stride = (size_t)x->gates_stride,
      .state_stride = (size_t)x->state_stride,
      .gates = F32(base, x->gates),
      .words_stride = (size_t)x->words_stride,
      .words = x->words == 0 ? 0 : F32(base, x->words) + row0 * PANEL,
      .hidden = F32(base, x->hidden),
      .cell = F32(base, x->cell),
      .counts = I32(base, x->counts) + (size_t)a->counts_start,
      .ranked = I32(base, x->ranked) + row0,
      .token = token,
      .other = token + places_stride,
  };
}

/* Groups of units to and fro: what was read last in one step is read first in the next, while it is in the cache. */
INLINE size_t turn(size_t t, size_t group, size_t groups) { return t % 2 == 0 ? group : groups - 1 - group; }

/* One of the step's products. */
INLINE void multiply_either(const product *p, size_t rows, size_t panel0, size_t panel1) {
  if (p->is_paired) KERNEL(multiply_pairs)(p, 0, rows, panel0, panel1);
  else KERNEL(multiply)(p, 0, rows, panel0, panel1);
}

/* Rows that are running at step t: none behind the last one. */
INLINE size_t rows_at(const share *w, size_t t) { return t < w->steps ? (size_t)w->counts[t] : 0; }

/*
 * Puts the state before the first step into the work buffers and behind the tokens. A function of its own: inlined, it
 * would take registers from the loops.
 */
static __attribute__((noinline)) void begin_states(char *base, const forward_args *x, size_t row0, size_t rows) {
  const size_t units = (size_t)x->s.units, stride = (size_t)x->s.state_stride;
  const size_t work_stride = (size_t)x->work_stride, carried = (size_t)x->carried_stride;
  const double work[2] = {x->work_hidden, x->work_cell}, kept[2] = {x->s.hidden, x->s.cell};
  const int32_t *parents = x->parents == 0 ? 0 : I32(base, x->parents);
  for (size_t u = (size_t)x->share.unit0; u < (size_t)x->share.unit1; u++) {
    for (size_t r = 0; r < rows; r++) {
      const size_t row = (size_t)I32(base, x->s.ranked)[row0 + r];
      const size_t place = u * stride + ((size_t)x->s.tokens + row) * PANEL;
      UNROLL for (size_t state = 0; state < STATES; state++) {
        float *to = F32(base, work[state]) + u * work_stride + (row0 + r) * PANEL;
        if (x->state_in == 0) clear_row(to);
        else copy_row(to, F32(base, x->state_in) + (state * units + u) * carried + (parents ? (size_t)parents[row] : row) * PANEL);
        copy_row(F32(base, kept[state]) + place, to);
      }
    }
  }
  if (x->s.words == 0) return;
  const size_t unit0 = (size_t)x->share.unit0, words_stride = (size_t)x->s.words_stride;
  round_panels(F32(base, x->work_hidden) + unit0 * work_stride + row0 * PANEL, work_stride, (size_t)x->share.unit1 - unit0, rows,
               F32(base, x->s.words) + unit0 / 2 * words_stride + row0 * PANEL, words_stride);
}

/* Fetches what the way back will read of a panel for ranks [first, rows). */
INLINE void fetch_ahead(char *base, const backward_args *x, size_t u, const int32_t *token, const int32_t *before,
                        size_t first, size_t rows) {
  const size_t gates_stride = (size_t)x->s.gates_stride;
  const float *state = F32(base, STATES > 1 ? x->s.cell : x->s.hidden) + u * (size_t)x->s.state_stride;
  for (size_t r = first; r < rows; r++) {
    const size_t place = (size_t)token[r] * PANEL;
    for (size_t gate = 0; gate < PANELS; gate++)
      PREFETCH(F32(base, x->s.gates) + (PANELS * u + gate) * gates_stride + place);
    PREFETCH(state + place);
    PREFETCH(state + (size_t)before[r] * PANEL);
    if (x->d_hidden != 0) PREFETCH(F32(base, x->d_hidden) + u * (size_t)x->d_hidden_stride + place);
  }
}

/* Gradients of a panel of the hidden states of ranks [first, rows), whose last step this is. */
INLINE void begin_gradients(char *base, const backward_args *x, size_t row0, size_t u, const int32_t *token, size_t first,
                            size_t rows, float *d_hidden, float *carried) {
  const int32_t *ranked = I32(base, x->s.ranked) + row0;
  for (size_t r = first; r < rows; r++) {
    float *dh = d_hidden + r * PANEL;
    const float *last = F32(base, x->d_last) + u * (size_t)x->d_last_stride + (size_t)ranked[r] * PANEL;
    if (x->d_hidden != 0) {
      copy_row(dh, F32(base, x->d_hidden) + u * (size_t)x->d_hidden_stride + (size_t)token[r] * PANEL);
      if (x->d_last != 0)
        UNROLL for (int v = 0; v < PV; v++) vstore(dh + v * VL, vadd(vload(dh + v * VL), vload(last + v * VL)));
    } else if (x->d_last != 0)
      copy_row(dh, last);
    else
      clear_row(dh);
    if (CARRIES) clear_row(carried + r * PANEL);
  }
}

/*
 * Gradients of the states before the first step, by row: what comes back through the sums of step 0, and what that step has handed on.
 * A function of its own, as above.
 */
static __attribute__((noinline)) void leave_gradients(char *base, const backward_args *x, size_t product_panels) {
  const size_t units = (size_t)x->s.units, row0 = (size_t)x->share.row0, work_stride = (size_t)x->work_stride;
  const size_t rows = x->share.steps > 0 ? (size_t)I32(base, x->s.counts)[(size_t)x->share.counts_start] : 0;
  const size_t d_stride = (size_t)x->d_initial_stride;
  const int is_paired = x->s.words != 0;
  float *result = F32(base, x->work_hidden) + 2 * (size_t)x->share.member * work_stride + row0 * PANEL;
  product p = {
      .a = F32(base, is_paired ? x->s.words : x->work_gates) + row0 * PANEL,
      .a_stride = is_paired ? (size_t)x->s.words_stride : work_stride,
      .b = F32(base, x->s.weights),
      .b_stride = (size_t)x->s.weights_stride,
      .c = result,
      .c_stride = work_stride,
      .k_panels = product_panels * units,
      .start = START_ZERO,
      .is_paired = is_paired,
  };
  if (rows == 0) return;
  for (size_t u = (size_t)x->share.unit0; u < (size_t)x->share.unit1; u++) {
    const float *carried = F32(base, x->work_carried) + u * work_stride + row0 * PANEL;
    p.c_panel = u;
    multiply_either(&p, rows, u, u + 1);
    for (size_t r = 0; r < rows; r++) {
      const size_t row = (size_t)I32(base, x->s.ranked)[row0 + r];
      float *to = F32(base, x->d_initial) + u * d_stride + row * PANEL;
      UNROLL for (int v = 0; v < PV; v++) {
        const vf d = vload(result + r * PANEL + v * VL);
        vstore(to + v * VL, CARRIES && STATES == 1 ? vadd(d, vload(carried + r * PANEL + v * VL)) : d);
      }
      if (STATES > 1) copy_row(to + units * d_stride, carried + r * PANEL);
    }
  }
}

/* One panel of units, forwards: places by token, sums and work buffers by rank. */
typedef struct {
  float *gate, *cell, *hidden; /* what is kept for the way back */
  size_t gate_stride;
  const float *sum;
  size_t sum_stride;
  const float *previous_hidden;
  float *work_cell, *work_hidden; /* the cell state, in: before the step, out: after it; the hidden state after it */
} cell_forward;

/* One row of a panel of units, backwards. */
typedef struct {
  float *gate; /* in: what forward kept, out: gradient of the sums */
  size_t gate_stride;
  const float *cell, *previous_cell, *hidden, *previous_hidden;
  const float *d_hidden;
  float *carried;   /* in: from the step behind, out: to the one before */
  float *work_gate; /* gradients of the sums that have a product */
  size_t work_stride;
} cell_backward;

#endif
