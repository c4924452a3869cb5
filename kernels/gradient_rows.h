/*
 * What the gradients of a weight have in common, whatever their products' numbers: which tokens they are summed over, in which order,
 * where they go; sums of biases and of squares.
 */
#ifndef LOCKSTEP_GRADIENT_ROWS_H
#define LOCKSTEP_GRADIENT_ROWS_H

#include "rows.h"

/* Levels of the shards' tree and one for its result: at most 1024 segments. One more holds a sum so far. */
#define MAX_LEVELS 12

/* Panels of dY whose sums over tokens are formed at once at most, since each is one chain. */
#define SUMMED_PANELS (VL == 4 ? 2 : 4)

typedef struct {
  double d_output, d_output_stride; /* [panels][tokens][16] */
  double order;                     /* int32 [k]: row of the k-th token; 0: the k-th row */
  double segments, segment_count;   /* int32 [segment_count + 1]: first k of each segment; a power of two of them */
  row_map rows;                     /* which panels of dY the rows of dW belong to */
  double columns;                   /* of dW, padded to a multiple of 16 */
  double out;                       /* [rows][columns], row-major, rows on cache lines */
  double bias_out;                  /* [rows] sum of dY, or 0 */
  double bias_copies;               /* how many bias vectors have this gradient (for the norm) */
  double squares;                   /* double [units]: sum of squares of each unit's rows */
} gradient_rows;

INLINE const float *output_panel(char *base, const gradient_rows *x, size_t unit) {
  return F32(base, x->d_output) + rows_of_unit(&x->rows, unit).panel * (size_t)x->d_output_stride;
}

/* Sums of the panels of units from `unit` on over the tokens, in the same tree. */
INLINE void sum_panels(const int panels, char *base, const gradient_rows *x, size_t unit, float *pending) {
  const int32_t *segments = I32(base, x->segments);
  const int32_t *order = x->order == 0 ? 0 : I32(base, x->order);
  const size_t count = (size_t)x->segment_count;
  const float *output[SUMMED_PANELS];
  for (int p = 0; p < panels; p++) output[p] = output_panel(base, x, unit + (size_t)p);
  vf acc[SUMMED_PANELS][PV];
  for (size_t s = 0; s < count; s++) {
    UNROLL for (int p = 0; p < panels; p++) UNROLL for (int v = 0; v < PV; v++) acc[p][v] = vzero();
    for (int32_t k = segments[s]; k < segments[s + 1]; k++) {
      const size_t at = (size_t)(order ? order[k] : k) * PANEL;
      UNROLL for (int p = 0; p < panels; p++)
        UNROLL for (int v = 0; v < PV; v++) acc[p][v] = vadd(acc[p][v], vload(output[p] + at + v * VL));
    }
    float *level = pending;
    for (size_t carry = s; carry & 1; carry >>= 1) {
      UNROLL for (int p = 0; p < panels; p++)
        UNROLL for (int v = 0; v < PV; v++) acc[p][v] = vadd(vload(level + p * PANEL + v * VL), acc[p][v]);
      level += SUMMED_PANELS * PANEL;
    }
    if (s + 1 == count) break;
    UNROLL for (int p = 0; p < panels; p++)
      UNROLL for (int v = 0; v < PV; v++) vstore(level + p * PANEL + v * VL, acc[p][v]);
  }
  UNROLL for (int p = 0; p < panels; p++) {
    float edge[PANEL];
    UNROLL for (int v = 0; v < PV; v++) vstore(edge + v * VL, acc[p][v]);
    const unit_rows rows = rows_of_unit(&x->rows, unit + (size_t)p);
    for (size_t i = 0; i < rows.count; i++) F32(base, x->bias_out)[rows.row + i] = edge[i];
  }
}

INLINE double sum_rows(double rows[PANEL][PANEL]) {
  double sum = 0;
  for (int i = 1; i < PANEL; i++)
    for (int l = 0; l < PANEL; l++) rows[0][l] += rows[i][l];
  for (int l = 0; l < PANEL; l++) sum += rows[0][l];
  return sum;
}

/*
 * What is left to do for units [first, first + count): gradients of their biases, and sums of squares.
 *
 * @param lanes sums of squares of each row's columns, by lane; they are lost
 * @param pending room for the tree
 */
INLINE void finish_units(char *base, const gradient_rows *x, size_t first, size_t count, double lanes[][PANEL], float *pending) {
  for (size_t u = 0, panels; x->bias_out != 0 && u < count; u += panels) {
    panels = count - u >= SUMMED_PANELS ? SUMMED_PANELS : count - u >= 2 ? 2 : 1;
    if (panels == SUMMED_PANELS) sum_panels(SUMMED_PANELS, base, x, first + u, pending);
    else if (panels == 2) sum_panels(2, base, x, first + u, pending);
    else sum_panels(1, base, x, first + u, pending);
  }
  for (size_t u = 0; u < count; u++) {
    double squares = sum_rows(lanes + u * PANEL);
    if (x->bias_out != 0) {
      const unit_rows rows = rows_of_unit(&x->rows, first + u);
      double bias[PANEL][PANEL] = {{0}};
      for (size_t i = 0; i < rows.count; i++) {
        const double gradient = F32(base, x->bias_out)[rows.row + i];
        bias[0][i] = gradient * gradient;
      }
      squares += x->bias_copies * sum_rows(bias);
    }
    F64(base, x->squares)[first + u] = squares;
  }
}

#endif
