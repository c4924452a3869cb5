/*
 * What the cells' layer normalization in recurrence_norm.h has to know of the rows of a step: means and variances over all units, and
 * backwards means of their gradients. Every member of a team forms those of whole rows, so that they are the same for all.
 */
#ifndef LOCKSTEP_NORMED_H
#define LOCKSTEP_NORMED_H

#include "lanes.h"
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

/* Rows handled together, so that every visit to a panel reads cache lines that lie side by side. */
#define NORM_BLOCK 16
#define NORM_UNITS (PRODUCT_PANELS == 1 ? 2 : 1)

/* What is normalised together: panels of each unit, `skipped` of which between the first `split` and the others are left out. */
typedef struct {
  const float *values;
  size_t stride, units, each, split, skipped, hidden;
} normed;

INLINE size_t normed_panel(const normed *x, size_t u, size_t k) {
  return (x->each + x->skipped) * u + (k < x->split ? k : k + x->skipped);
}

INLINE normed normed_sums(char *base, const norm_args *n, size_t units) {
  return (normed){F32(base, n->raw), (size_t)n->raw_stride, units, PRODUCT_PANELS, PRODUCT_SPLIT, PANELS - PRODUCT_PANELS,
                  (size_t)n->hidden};
}

INLINE normed normed_state(const float *cell, size_t stride, const norm_args *n, size_t units) {
  return (normed){cell, stride, units, 1, 1, 0, (size_t)n->hidden};
}

/* 1 for hidden units, 0 for what fills up the last panel. */
INLINE void mask_units(const normed *x, float mask[PANEL]) {
  for (size_t i = 0; i < PANEL; i++) mask[i] = (x->units - 1) * PANEL + i < x->hidden ? 1.0f : 0.0f;
}

INLINE vf mask_of_unit(const normed *x, const float mask[PANEL], size_t u, int v) {
  return u + 1 < x->units ? vset(1.0f) : vload(mask + v * VL);
}

/* Of the rows of a block: their means, and what distances from these are multiplied by. */
static __attribute__((noinline)) void find_statistics(const normed *x, const int32_t *token, size_t rows, float epsilon,
                                                      float *means, float *scales) {
  const float width = (float)(x->each * x->hidden);
  float lanes[NORM_BLOCK][PANEL] = {{0}}, squares[NORM_BLOCK][PANEL] = {{0}}, mask[PANEL];
  mask_units(x, mask);
  for (size_t u = 0; u < x->units; u++)
    for (size_t k = 0; k < x->each; k++) {
      const float *panel = x->values + normed_panel(x, u, k) * x->stride;
      for (size_t r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < PV; v++)
          vstore(lanes[r] + v * VL, vadd(vload(lanes[r] + v * VL), vload(panel + (size_t)token[r] * PANEL + v * VL)));
    }
  for (size_t r = 0; r < rows; r++) means[r] = sum_tree(lanes[r]) / width;
  for (size_t u = 0; u < x->units; u++)
    for (size_t k = 0; k < x->each; k++) {
      const float *panel = x->values + normed_panel(x, u, k) * x->stride;
      for (size_t r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < PV; v++) {
          const vf far = vsub(vload(panel + (size_t)token[r] * PANEL + v * VL), vset(means[r]));
          const vf counted = vmul(far, mask_of_unit(x, mask, u, v));
          vstore(squares[r] + v * VL, vfma(counted, counted, vload(squares[r] + v * VL)));
        }
    }
  for (size_t r = 0; r < rows; r++) {
    float scale[VL];
    const vf variance = vset(sum_tree(squares[r]) / width);
    vstore(scale, vdiv(vset(1.0f), vsqrt(vadd(variance, vset(epsilon)))));
    scales[r] = scale[0];
  }
}

/* What a normalised value is. */
INLINE vf normal_of(const float *value, float mean, float scale) {
  return vmul(vsub(vload(value), vset(mean)), vset(scale));
}

/*
 * With n the normalised values and d = g dy, the gradient of a value is (d - mean(d) - n mean(d n)) times its scale: of the rows of a
 * block both means.
 */
static __attribute__((noinline)) void find_means(const normed *x, const float *dy, size_t dy_stride, const float *gain,
                                                 const int32_t *token, size_t rows, const float *means, const float *scales,
                                                 float *sum, float *product) {
  const float width = (float)(x->each * x->hidden);
  float sums[NORM_BLOCK][PANEL] = {{0}}, products[NORM_BLOCK][PANEL] = {{0}};
  for (size_t u = 0; u < x->units; u++)
    for (size_t k = 0; k < x->each; k++) {
      const size_t panel = normed_panel(x, u, k);
      for (size_t r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < PV; v++) {
          const size_t at = (size_t)token[r] * PANEL + (size_t)v * VL;
          const vf normal = normal_of(x->values + panel * x->stride + at, means[r], scales[r]);
          const vf d = vmul(vload(dy + panel * dy_stride + at), vload(gain + panel * PANEL + v * VL));
          vstore(sums[r] + v * VL, vadd(vload(sums[r] + v * VL), d));
          vstore(products[r] + v * VL, vfma(d, normal, vload(products[r] + v * VL)));
        }
    }
  for (size_t r = 0; r < rows; r++) {
    sum[r] = sum_tree(sums[r]) / width;
    product[r] = sum_tree(products[r]) / width;
  }
}

INLINE vf normed_gradient(vf dy, vf gain, vf normal, float sum, float product, vf scale) {
  return vmul(vfnma(normal, vset(product), vsub(vmul(dy, gain), vset(sum))), scale);
}

/* The rows of a block at one step: their tokens, and what has been found of them. */
typedef struct {
  size_t first, rows;
  const int32_t *token;
  float mean[NORM_BLOCK], scale[NORM_BLOCK], sum[NORM_BLOCK], product[NORM_BLOCK];
} norm_block;

/* Forwards: finds the statistics of a block, and has one member of a team keep them. */
INLINE void begin_block(norm_block *b, const normed *x, const int32_t *token, size_t first, size_t rows, float epsilon,
                        float *kept, size_t kept_stride, int keeps) {
  b->first = first;
  b->rows = min_size(NORM_BLOCK, rows - first);
  b->token = token + first;
  find_statistics(x, b->token, b->rows, epsilon, b->mean, b->scale);
  for (size_t r = 0; keeps && r < b->rows; r++) {
    kept[b->token[r]] = b->mean[r];
    kept[kept_stride + (size_t)b->token[r]] = b->scale[r];
  }
}

/* Backwards: what forwards was found, and the means of gradients. */
INLINE void resume_block(norm_block *b, const normed *x, const float *dy, size_t dy_stride, const float *gain,
                         const int32_t *token, size_t first, size_t rows, const float *kept, size_t kept_stride) {
  b->first = first;
  b->rows = min_size(NORM_BLOCK, rows - first);
  b->token = token + first;
  for (size_t r = 0; r < b->rows; r++) {
    b->mean[r] = kept[b->token[r]];
    b->scale[r] = kept[kept_stride + (size_t)b->token[r]];
  }
  find_means(x, dy, dy_stride, gain, b->token, b->rows, b->mean, b->scale, b->sum, b->product);
}

#endif
