/*
 * What all layer normalization (Ba et al. 2016) does with rows: y = g (x - m) / s + b, m being the mean of a row's elements and s^2 their
 * mean squared distance from it, plus epsilon. Sums over a row run in 16 virtual lanes (the panel's columns) that are combined in a fixed
 * tree. Those of gain and bias over rows run in the shards' tree.
 */
#ifndef LOCKSTEP_ROW_NORM_H
#define LOCKSTEP_ROW_NORM_H

#include "lanes.h"
#include "rows.h"
#include "shards.h"

/* Rows handled together, so that every visit to a panel reads cache lines that lie side by side. */
#define NORM_BLOCK 16

/*
 * What is normalised together: of each group of `of` panels the `each` ones that the digits of `panels` name (rows.h), `width` columns
 * of every one over all groups. What fills up the last group holds zeros.
 */
typedef struct {
  const float *values;
  size_t stride, groups, each, of, width;
  uint32_t panels;
} normed;

INLINE size_t normed_panel(const normed *x, size_t group, size_t k) {
  return x->of * group + (x->panels >> 4 * (uint32_t)k & 15);
}

/* 1 for columns that count, 0 for what fills up the last group. */
INLINE void mask_columns(const normed *x, float mask[PANEL]) {
  for (size_t i = 0; i < PANEL; i++) mask[i] = (x->groups - 1) * PANEL + i < x->width ? 1.0f : 0.0f;
}

/* What vector v of a panel of a group is multiplied by: all of it counts but in the last group. */
INLINE vf mask_of(const normed *x, const float mask[PANEL], size_t group, int v) {
  return group + 1 < x->groups ? vset(1.0f) : vload(mask + v * VL);
}

/* Of the rows of a block: their means, and what distances from these are multiplied by. */
static __attribute__((noinline)) void find_statistics(const normed *x, const int32_t *row, size_t rows, float epsilon,
                                                      float *means, float *scales) {
  const float width = (float)(x->each * x->width);
  float lanes[NORM_BLOCK][PANEL] = {{0}}, squares[NORM_BLOCK][PANEL] = {{0}}, mask[PANEL];
  mask_columns(x, mask);
  for (size_t group = 0; group < x->groups; group++)
    for (size_t k = 0; k < x->each; k++) {
      const float *panel = x->values + normed_panel(x, group, k) * x->stride;
      for (size_t r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < PV; v++)
          vstore(lanes[r] + v * VL, vadd(vload(lanes[r] + v * VL), vload(panel + (size_t)row[r] * PANEL + v * VL)));
    }
  for (size_t r = 0; r < rows; r++) means[r] = sum_tree(lanes[r]) / width;
  for (size_t group = 0; group < x->groups; group++)
    for (size_t k = 0; k < x->each; k++) {
      const float *panel = x->values + normed_panel(x, group, k) * x->stride;
      for (size_t r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < PV; v++) {
          const vf far = vsub(vload(panel + (size_t)row[r] * PANEL + v * VL), vset(means[r]));
          const vf counted = vmul(far, mask_of(x, mask, group, v));
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

/* Gradients of what gain and bias make of normalised values: rows of panels as the values have them, where each lies. */
typedef struct {
  const float *values;
  size_t stride;
  const int32_t *row;
  const float *gain; /* [16 panels], zero where nothing counts */
} normed_output;

/*
 * With n the normalised values and d = g dy, the gradient of a value is (d - mean(d) - n mean(d n)) times its scale: of the rows of a
 * block both means.
 */
static __attribute__((noinline)) void find_means(const normed *x, const int32_t *row, size_t rows, const normed_output *dy,
                                                 const float *means, const float *scales, float *sum, float *product) {
  const float width = (float)(x->each * x->width);
  float sums[NORM_BLOCK][PANEL] = {{0}}, products[NORM_BLOCK][PANEL] = {{0}};
  for (size_t group = 0; group < x->groups; group++)
    for (size_t k = 0; k < x->each; k++) {
      const size_t panel = normed_panel(x, group, k);
      for (size_t r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < PV; v++) {
          const float *value = x->values + panel * x->stride + (size_t)row[r] * PANEL + v * VL;
          const vf normal = normal_of(value, means[r], scales[r]);
          const vf d = vmul(vload(dy->values + panel * dy->stride + (size_t)dy->row[r] * PANEL + v * VL),
                            vload(dy->gain + panel * PANEL + v * VL));
          vstore(sums[r] + v * VL, vadd(vload(sums[r] + v * VL), d));
          vstore(products[r] + v * VL, vfma(d, normal, vload(products[r] + v * VL)));
        }
    }
  for (size_t r = 0; r < rows; r++) {
    sum[r] = sum_tree(sums[r]) / width;
    product[r] = sum_tree(products[r]) / width;
  }
}

/* d - mean(d) - n mean(d n) */
INLINE vf normed_rest(vf d, vf normal, float sum, float product) {
  return vfnma(normal, vset(product), vsub(d, vset(sum)));
}

/* Up to 16 rows, and what has been found of each. */
typedef struct {
  size_t rows;
  const int32_t *row;
  float mean[NORM_BLOCK], scale[NORM_BLOCK], sum[NORM_BLOCK], product[NORM_BLOCK];
} norm_block;

/*
 * Forwards: finds the statistics of the first rows of a list, and keeps them where this is asked for.
 *
 *   kept   float [2][rows]: mean of each row, and what distances from it are multiplied by
 */
INLINE void begin_block(norm_block *b, const normed *x, const int32_t *row, size_t rows, float epsilon, float *kept,
                        size_t kept_stride, int keeps) {
  b->rows = min_size(NORM_BLOCK, rows);
  b->row = row;
  find_statistics(x, row, b->rows, epsilon, b->mean, b->scale);
  for (size_t r = 0; keeps && r < b->rows; r++) {
    kept[row[r]] = b->mean[r];
    kept[kept_stride + (size_t)row[r]] = b->scale[r];
  }
}

/* Backwards: what forwards was found, and the means of gradients. */
INLINE void resume_block(norm_block *b, const normed *x, const int32_t *row, size_t rows, const normed_output *dy,
                         const float *kept, size_t kept_stride) {
  b->rows = min_size(NORM_BLOCK, rows);
  b->row = row;
  for (size_t r = 0; r < b->rows; r++) {
    b->mean[r] = kept[row[r]];
    b->scale[r] = kept[kept_stride + (size_t)row[r]];
  }
  find_means(x, row, b->rows, dy, b->mean, b->scale, b->sum, b->product);
}

/* The numbers of rows from `first` on. */
INLINE void number_rows(int32_t row[NORM_BLOCK], size_t first) {
  for (size_t r = 0; r < NORM_BLOCK; r++) row[r] = (int32_t)(first + r);
}

/* Forwards, of rows [row0, row1): what gain and bias make of normalised values, in as many panels. */
INLINE void normalise_rows(const normed *x, size_t panels, const float *gain, const float *bias, float epsilon, float *kept,
                           size_t kept_stride, float *out, size_t out_stride, size_t row0, size_t row1) {
  for (size_t first = row0; first < row1; first += NORM_BLOCK) {
    int32_t row[NORM_BLOCK];
    norm_block block;
    number_rows(row, first);
    begin_block(&block, x, row, row1 - first, epsilon, kept, kept_stride, 1);
    for (size_t p = 0; p < panels; p++)
      for (size_t r = 0; r < block.rows; r++)
        UNROLL for (int v = 0; v < PV; v++) {
          const size_t at = (first + r) * PANEL + (size_t)v * VL, column = p * PANEL + (size_t)v * VL;
          const vf normal = normal_of(x->values + p * x->stride + at, block.mean[r], block.scale[r]);
          vstore(out + p * out_stride + at, vfma(normal, vload(gain + column), vload(bias + column)));
        }
  }
}

/* What gradients of gain and bias are sums over. */
typedef struct {
  const int32_t *order;    /* place of the k-th element of a segment; 0: the k-th place */
  const int32_t *segments; /* first k of each segment, and the end; a power of two of them */
  size_t count;
  const int32_t *row_of;   /* row of each place; 0: its own */
} norm_elements;

/* Of one panel, in the shards' tree: sums of dy n and of dy. */
INLINE void sum_gradients(const norm_elements *x, const float *values, const float *means, const float *scales, const float *dy,
                          float sums[2][PANEL]) {
  float pending[2][MAX_LEVELS][PANEL];
  for (size_t s = 0; s < x->count; s++) {
    vf gain[PV], bias[PV];
    UNROLL for (int v = 0; v < PV; v++) gain[v] = bias[v] = vzero();
    for (int32_t k = x->segments[s]; k < x->segments[s + 1]; k++) {
      const size_t place = (size_t)(x->order == 0 ? k : x->order[k]);
      const size_t row = x->row_of == 0 ? place : (size_t)x->row_of[place];
      UNROLL for (int v = 0; v < PV; v++) {
        const vf d = vload(dy + place * PANEL + v * VL);
        gain[v] = vfma(d, normal_of(values + row * PANEL + v * VL, means[row], scales[row]), gain[v]);
        bias[v] = vadd(bias[v], d);
      }
    }
    UNROLL for (int v = 0; v < PV; v++) {
      vstore(sums[0] + v * VL, gain[v]);
      vstore(sums[1] + v * VL, bias[v]);
    }
    join_segment(pending[0], s, sums[0]);
    join_segment(pending[1], s, sums[1]);
  }
}

#endif
