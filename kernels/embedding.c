/*
 * Embedding look-up and its gradient. Both work on the distinct tokens of a batch: each is looked up and
 * projected once, and the gradients of its positions are summed before any product is formed.
 */
#include "panel.h"

/* Rows of a table that are fetched before they are needed. */
#define ROWS_AHEAD 4

typedef struct {
  double table, width;       /* [vocabulary][width], row-major */
  double ids;                /* int32 [distinct] */
  double out, out_stride;    /* [ceil(width / 16)][distinct][16] */
  double row0, row1;
} gather_args;

void KERNEL(gather_rows)(char *base, const double *args) {
  const gather_args *x = (const gather_args *)args;
  const size_t width = (size_t)x->width, stride = (size_t)x->out_stride;
  const int32_t *ids = I32(base, x->ids);
  const size_t row1 = (size_t)x->row1;
  for (size_t row = (size_t)x->row0; row < row1; row++) {
    const float *from = F32(base, x->table) + (size_t)ids[row] * width;
    /* Words lie anywhere in the table: the processor's own prefetchers find none of them. */
    const float *ahead = F32(base, x->table) + (size_t)ids[min_size(row + ROWS_AHEAD, row1 - 1)] * width;
    for (size_t column = 0; column < width; column += PANEL) {
      float *to = F32(base, x->out) + column / PANEL * stride + row * PANEL;
      PREFETCH_NEAR(ahead + column);
      if (column + PANEL <= width) {
        UNROLL for (int v = 0; v < PV; v++) vstore(to + v * VL, vload(from + column + v * VL));
        continue;
      }
      const size_t n = width - column;
      for (size_t i = 0; i < n; i++) to[i] = from[column + i];
      for (size_t i = n; i < PANEL; i++) to[i] = 0.0f;
    }
  }
}

typedef struct {
  double from, from_stride, panels; /* [panels][distinct][16] */
  double index;                     /* int32 [places]: which distinct token stands there */
  double out, out_stride;           /* [panels][places][16] */
  double row0, row1;
} spread_args;

/* Every place gets what its distinct token has. */
void KERNEL(spread_rows)(char *base, const double *args) {
  const spread_args *x = (const spread_args *)args;
  const int32_t *index = I32(base, x->index);
  for (size_t panel = 0; panel < (size_t)x->panels; panel++) {
    const float *from = F32(base, x->from) + panel * (size_t)x->from_stride;
    float *out = F32(base, x->out) + panel * (size_t)x->out_stride;
    for (size_t row = (size_t)x->row0; row < (size_t)x->row1; row++)
      UNROLL for (int v = 0; v < PV; v++)
        vstore(out + row * PANEL + v * VL, vload(from + (size_t)index[row] * PANEL + v * VL));
  }
}

typedef struct {
  double gradient, gradient_stride;  /* [panels][tokens][16] */
  double starts, positions;          /* int32 [distinct + 1], int32 [tokens]: where each distinct token stands, in global order */
  double out, out_stride;            /* [panels][distinct][16] */
  double adds;                       /* whether sums are added to what is there */
  double distinct0, distinct1, panel0, panel1;
} token_sum_args;

/* Segment sum: out[d] = sum of the gradients at the positions of distinct token d, in global order. */
void KERNEL(token_sum)(char *base, const double *args) {
  const token_sum_args *x = (const token_sum_args *)args;
  const int32_t *starts = I32(base, x->starts), *positions = I32(base, x->positions);
  const int adds = x->adds != 0;
  for (size_t panel = (size_t)x->panel0; panel < (size_t)x->panel1; panel++) {
    const float *gradient = F32(base, x->gradient) + panel * (size_t)x->gradient_stride;
    float *out = F32(base, x->out) + panel * (size_t)x->out_stride;
    for (size_t d = (size_t)x->distinct0; d < (size_t)x->distinct1; d++) {
      vf sum[PV];
      UNROLL for (int v = 0; v < PV; v++) sum[v] = adds ? vload(out + d * PANEL + (size_t)v * VL) : vzero();
      for (int32_t i = starts[d]; i < starts[d + 1]; i++) {
        const float *row = gradient + (size_t)positions[i] * PANEL;
        UNROLL for (int v = 0; v < PV; v++) sum[v] = vadd(sum[v], vload(row + v * VL));
      }
      UNROLL for (int v = 0; v < PV; v++) vstore(out + d * PANEL + (size_t)v * VL, sum[v]);
    }
  }
}

typedef struct {
  double matrix, stride, panels; /* [panels][rows][16] */
  double sums;                   /* double [ceil(rows / 16)]: sum of squares of each block of 16 rows */
  double dense, dense_stride, ids; /* float [..][dense_stride]: what each row is added to, by its id; or 0 */
  double rows;
  double block0, block1;
} row_squares_args;

/*
 * Sums of squares over blocks of 16 rows, in float64 and in a fixed order, for the global norm; of rows that are added to others,
 * what the squares of those become more, or less, by it.
 */
void KERNEL(row_squares)(char *base, const double *args) {
  const row_squares_args *x = (const row_squares_args *)args;
  for (size_t block = (size_t)x->block0; block < (size_t)x->block1; block++) {
    double lanes[PANEL] = {0}, former[PANEL] = {0};
    const size_t end = min_size((size_t)x->rows, (block + 1) * 16);
    for (size_t panel = 0; panel < (size_t)x->panels; panel++)
      for (size_t row = block * 16; row < end; row++) {
        const float *from = F32(base, x->matrix) + panel * (size_t)x->stride + row * PANEL;
        if (x->dense == 0) {
          UNROLL for (int v = 0; v < PV; v++) vsquares(lanes + v * VL, vload(from + v * VL));
          continue;
        }
        const float *to = F32(base, x->dense) + (size_t)I32(base, x->ids)[row] * (size_t)x->dense_stride + panel * PANEL;
        UNROLL for (int v = 0; v < PV; v++) {
          const vf there = vload(to + v * VL);
          vsquares(lanes + v * VL, vadd(there, vload(from + v * VL)));
          vsquares(former + v * VL, there);
        }
      }
    double sum = 0, before = 0;
    for (int i = 0; i < PANEL; i++) sum += lanes[i];
    for (int i = 0; i < PANEL; i++) before += former[i];
    sum -= before;
    F64(base, x->sums)[block] = sum;
  }
}
