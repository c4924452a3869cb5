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
 * and, after it has included this file, defines what is declared at its end; then it includes recurrence.h, which has
 * the loops.
 */
#ifndef LOCKSTEP_SEQUENCE_H
#define LOCKSTEP_SEQUENCE_H

#include "math.h"
#include "panel.h"

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
  double state_in, state_out;         /* [STATES U][rows][16]: hidden (and cell) state before (0: zeros) and after */
  double carried_stride;
  double work_hidden, work_cell;      /* [2U][rows][16], [U][rows][16] */
  double work_gates, work_stride;     /* [P members][rows][16] */
  share_args share;
} forward_args;

typedef struct {
  sequence_args s;                  /* gates: in: what forward kept, out: gradient of the sums */
  double d_hidden, d_hidden_stride; /* [U][tokens][16]: gradient from the layer above, or 0 */
  double d_last, d_last_stride;     /* [U][rows][16]: gradient of the last hidden state of each row, or 0 */
  double work_gates;                /* [2 W U][rows][16]: gradients of two steps */
  double work_hidden, work_carried; /* [2 members][rows][16], [U][rows][16] */
  double work_stride;
  share_args share;
} backward_args;

INLINE void copy_row(float *to, const float *from) {
  UNROLL for (int v = 0; v < PV; v++) vstore(to + v * VL, vload(from + v * VL));
}

INLINE void clear_row(float *to) {
  UNROLL for (int v = 0; v < PV; v++) vstore(to + v * VL, vzero());
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

/*
 * A cell is computed in two passes over the rows of a panel: what the second one needs waits for the first one's results,
 * and the next row's first pass would wait behind it.
 */
INLINE void activate(const cell_forward *x, size_t place, size_t rank);
INLINE void expose(const cell_forward *x, size_t place, size_t rank);
INLINE void differentiate(const cell_backward *x);

#endif
