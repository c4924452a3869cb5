/* Layer normalization of the rows of a matrix: see row_norm.h. */
#include "row_norm.h"

typedef struct {
  double input, input_stride;   /* [panels][rows][16] */
  double out, out_stride;       /* backwards the gradient of the input */
  double gain;                  /* float [16 panels], zero behind the last column */
  double statistics;            /* float [2][rows]: m and 1 / s */
  double statistics_stride;
  double width, panels;
} norm_args;

INLINE normed all_columns(char *base, const norm_args *x) {
  return (normed){.values = F32(base, x->input),
                  .stride = (size_t)x->input_stride,
                  .groups = (size_t)x->panels,
                  .each = 1,
                  .of = 1,
                  .width = (size_t)x->width,
                  .panels = 0};
}

typedef struct {
  norm_args n;
  double bias;                  /* float [16 panels] */
  double epsilon;
  double row0, row1;
} norm_forward_args;

void KERNEL(layer_norm_forward)(char *base, const double *args) {
  const norm_forward_args *a = (const norm_forward_args *)args;
  const norm_args *x = &a->n;
  const normed all = all_columns(base, x);
  normalise_rows(&all, all.groups, F32(base, x->gain), F32(base, a->bias), (float)a->epsilon, F32(base, x->statistics),
                 (size_t)x->statistics_stride, F32(base, x->out), (size_t)x->out_stride, (size_t)a->row0, (size_t)a->row1);
}

typedef struct {
  norm_args n;
  double d_output, d_output_stride;
  double adds;                  /* whether the gradient is added to what is there */
  double row0, row1;
} norm_backward_args;

void KERNEL(layer_norm_backward)(char *base, const double *args) {
  const norm_backward_args *a = (const norm_backward_args *)args;
  const norm_args *x = &a->n;
  const normed all = all_columns(base, x);
  const size_t out_stride = (size_t)x->out_stride;
  float mask[PANEL];
  mask_columns(&all, mask);
  for (size_t first = (size_t)a->row0; first < (size_t)a->row1; first += NORM_BLOCK) {
    int32_t row[NORM_BLOCK];
    norm_block block;
    const normed_output dy = {F32(base, a->d_output), (size_t)a->d_output_stride, row, F32(base, x->gain)};
    number_rows(row, first);
    resume_block(&block, &all, row, (size_t)a->row1 - first, &dy, F32(base, x->statistics), (size_t)x->statistics_stride);
    for (size_t p = 0; p < all.groups; p++)
      for (size_t r = 0; r < block.rows; r++)
        UNROLL for (int v = 0; v < PV; v++) {
          const size_t at = (first + r) * PANEL + (size_t)v * VL;
          const vf scale = vmul(vset(block.scale[r]), mask_of(&all, mask, p, v));
          const vf normal = normal_of(all.values + p * all.stride + at, block.mean[r], block.scale[r]);
          const vf d = vmul(vload(dy.values + p * dy.stride + at), vload(dy.gain + p * PANEL + v * VL));
          const vf rest = normed_rest(d, normal, block.sum[r], block.product[r]);
          float *to = F32(base, x->out) + p * out_stride + at;
          vstore(to, a->adds != 0 ? vfma(rest, scale, vload(to)) : vmul(rest, scale));
        }
  }
}

typedef struct {
  norm_args n;
  double d_output, d_output_stride;
  double order;                   /* int32 [k]: row of the k-th element of a segment; 0: the k-th row */
  double segments, segment_count; /* int32 [segment_count + 1]: first k of each segment; a power of two of them */
  double gain_out, bias_out;      /* float [width] */
  double squares;                 /* double [panels] */
  double unit0, unit1;
} norm_gradient_args;

/* Sums over rows of dy n and of dy, for the columns of panels [unit0, unit1). */
void KERNEL(layer_norm_gradient)(char *base, const double *args) {
  const norm_gradient_args *a = (const norm_gradient_args *)args;
  const norm_args *x = &a->n;
  const float *means = F32(base, x->statistics), *scales = means + (size_t)x->statistics_stride;
  const norm_elements rows = {
      .order = a->order == 0 ? 0 : I32(base, a->order),
      .segments = I32(base, a->segments),
      .count = (size_t)a->segment_count,
      .row_of = 0,
  };
  for (size_t unit = (size_t)a->unit0; unit < (size_t)a->unit1; unit++) {
    float sums[2][PANEL];
    double squares = 0;
    sum_gradients(&rows, F32(base, x->input) + unit * (size_t)x->input_stride, means, scales,
                  F32(base, a->d_output) + unit * (size_t)a->d_output_stride, sums);
    for (size_t i = 0; i < min_size(PANEL, (size_t)x->width - unit * PANEL); i++) {
      F32(base, a->gain_out)[unit * PANEL + i] = sums[0][i];
      F32(base, a->bias_out)[unit * PANEL + i] = sums[1][i];
      squares += (double)sums[0][i] * (double)sums[0][i] + (double)sums[1][i] * (double)sums[1][i];
    }
    F64(base, a->squares)[unit] = squares;
  }
}
