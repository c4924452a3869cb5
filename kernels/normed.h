/*
 * What the cells' layer normalization in recurrence_norm.h has to know of the rows of a step: means and variances over all units, and
 * backwards means of their gradients (row_norm.h). Every member of a team forms those of whole rows, so that they are the same for all.
 */
#ifndef LOCKSTEP_NORMED_H
#define LOCKSTEP_NORMED_H

#include "row_norm.h"
#include "sequence.h"

typedef struct {
  double raw, d_raw, raw_stride;        /* [P U][tokens][16]: W_hh h_{t-1}, as the gates lie; backwards its gradient */
  double gain;                          /* float [16 P U] of that */
  double state_gain, state_bias;        /* float [16 U]: of the cell state, or 0 */
  double d_state, d_state_stride;       /* backwards [U][tokens][16]: gradient of the normalised cell state, or 0 */
  double statistics, statistics_stride; /* float [2][tokens]: mean of a token's sums, and what distances from it are multiplied by; */
                                        /* behind these [2][tokens] of its cell state */
  double hidden, epsilon;               /* hidden units; added to variances */
} norm_args;

#define NORM_UNITS (PRODUCT_PANELS == 1 ? 2 : 1)

/* The panel of a unit's sums that its k-th panel with a product is. */
INLINE size_t panel_of_product(size_t k) { return k < PRODUCT_SPLIT ? k : k + PANELS - PRODUCT_PANELS; }

/* Of each unit the panels that have a product. */
INLINE normed normed_sums(char *base, const norm_args *n, size_t units) {
  uint32_t panels = 0;
  UNROLL for (uint32_t k = 0; k < PRODUCT_PANELS; k++) panels |= (uint32_t)panel_of_product(k) << 4 * k;
  return (normed){F32(base, n->raw), (size_t)n->raw_stride, units, PRODUCT_PANELS, PANELS, (size_t)n->hidden, panels};
}

INLINE normed normed_state(const float *cell, size_t stride, const norm_args *n, size_t units) {
  return (normed){cell, stride, units, 1, 1, (size_t)n->hidden, 0};
}

#endif
