/*
 * Layer normalization (Ba et al. 2016): y = g (x - m) / s + b for every row, m being the mean of its elements and s^2 their mean
 * squared distance from it, plus epsilon. Sums over a row run in 16 virtual lanes (the panel's columns) that are combined in a fixed
 * tree. Those of gain and bias over rows run in the shards' tree, as in weight_gradient.c.
 */
#include "lanes.h"

/* Rows handled together, so that every visit to a panel reads consecutive cache lines. */
#define BLOCK 16
/* Levels of the tree and one for its result: at most 1024 segments. */
#define MAX_LEVELS 11

typedef struct {
  double input, input_stride;   /* [panels][rows][16] */
  double out, out_stride;       /* backwards the gradient of the input */
  double gain;                  /* float [16 panels], zero behind the last column */
  double statistics;            /* float [2][rows]: m and 1 / s */
  double statistics_stride;
  double width, panels;
} norm_args;

typedef struct {
  norm_args n;
  double bias;                  /* float [16 panels] */
  double epsilon;
  double row0, row1;
} norm_forward_args;

typedef struct {
  norm_args n;
  double d_output, d_output_stride;
  double adds;                  /* whether the gradient is added to what is there */
  double row0, row1;
} norm_backward_args;

/* 1 for columns of the row, 0 for those that fill up its last panel. */
INLINE void mask_columns(const norm_args *x, float mask[PANEL]) {
  const size_t last = (size_t)x->width - ((size_t)x->panels - 1) * PANEL;
  for (size_t i = 0; i < PANEL; i++) mask[i] = i < last ? 1.0f : 0.0f;
}

/* What vector v of a panel is multiplied by: all of it counts but in the last panel. */
INLINE vf mask_of(const norm_args *x, const float mask[PANEL], size_t panel, int v) {
  return panel + 1 < (size_t)x->panels ? vset(1.0f) : vload(mask + v * VL);
}

void KERNEL(layer_norm_forward)(char *base, const double *args) {
  const norm_forward_args *a = (const norm_forward_args *)args;
  const norm_args *x = &a->n;
  const size_t in_stride = (size_t)x->input_stride, out_stride = (size_t)x->out_stride, panels = (size_t)x->panels;
  const float width = (float)x->width;
  const float *gain = F32(base, x->gain), *bias = F32(base, a->bias);
  float *means = F32(base, x->statistics), *scales = means + (size_t)x->statistics_stride;
  float mask[PANEL];
  mask_columns(x, mask);
  for (size_t row = (size_t)a->row0; row < (size_t)a->row1; row += BLOCK) {
    const size_t rows = min_size(BLOCK, (size_t)a->row1 - row);
    const float *in = F32(base, x->input) + row * PANEL;
    float *out = F32(base, x->out) + row * PANEL;
    float lanes[BLOCK][PANEL] = {{0}}, squares[BLOCK][PANEL] = {{0}};
    for (size_t p = 0; p < panels; p++)
      for (size_t r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < PV; v++)
          vstore(lanes[r] + v * VL, vadd(vload(lanes[r] + v * VL), vload(in + p * in_stride + r * PANEL + v * VL)));
    for (size_t r = 0; r < rows; r++) means[row + r] = sum_tree(lanes[r]) / width;
    for (size_t p = 0; p < panels; p++)
      for (size_t r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < PV; v++) {
          const vf far = vsub(vload(in + p * in_stride + r * PANEL + v * VL), vset(means[row + r]));
          const vf counted = vmul(far, mask_of(x, mask, p, v));
          vstore(squares[r] + v * VL, vfma(counted, counted, vload(squares[r] + v * VL)));
        }
    for (size_t r = 0; r < rows; r++) {
      float scale[VL];
      const vf variance = vset(sum_tree(squares[r]) / width);
      vstore(scale, vdiv(vset(1.0f), vsqrt(vadd(variance, vset((float)a->epsilon)))));
      scales[row + r] = scale[0];
    }
    for (size_t p = 0; p < panels; p++)
      for (size_t r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < PV; v++) {
          const size_t at = r * PANEL + (size_t)v * VL, column = p * PANEL + (size_t)v * VL;
          const vf normal = vmul(vsub(vload(in + p * in_stride + at), vset(means[row + r])), vset(scales[row + r]));
          vstore(out + p * out_stride + at, vfma(normal, vload(gain + column), vload(bias + column)));
        }
  }
}

/* With n = (x - m) / s and d = g dy, the gradient of x is (d - mean(d) - n mean(d n)) / s. */
void KERNEL(layer_norm_backward)(char *base, const double *args) {
  const norm_backward_args *a = (const norm_backward_args *)args;
  const norm_args *x = &a->n;
  const size_t in_stride = (size_t)x->input_stride, out_stride = (size_t)x->out_stride, panels = (size_t)x->panels;
  const size_t d_stride = (size_t)a->d_output_stride;
  const float width = (float)x->width;
  const float *gain = F32(base, x->gain);
  const float *means = F32(base, x->statistics), *scales = means + (size_t)x->statistics_stride;
  float mask[PANEL];
  mask_columns(x, mask);
  for (size_t row = (size_t)a->row0; row < (size_t)a->row1; row += BLOCK) {
    const size_t rows = min_size(BLOCK, (size_t)a->row1 - row);
    const float *in = F32(base, x->input) + row * PANEL, *d_output = F32(base, a->d_output) + row * PANEL;
    float *out = F32(base, x->out) + row * PANEL;
    float sums[BLOCK][PANEL] = {{0}}, products[BLOCK][PANEL] = {{0}}, sum[BLOCK], product[BLOCK];
    for (size_t p = 0; p < panels; p++)
      for (size_t r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < PV; v++) {
          const size_t at = r * PANEL + (size_t)v * VL;
          const vf normal = vmul(vsub(vload(in + p * in_stride + at), vset(means[row + r])), vset(scales[row + r]));
          const vf d = vmul(vload(d_output + p * d_stride + at), vload(gain + p * PANEL + v * VL));
          vstore(sums[r] + v * VL, vadd(vload(sums[r] + v * VL), d));
          vstore(products[r] + v * VL, vfma(d, normal, vload(products[r] + v * VL)));
        }
    for (size_t r = 0; r < rows; r++) {
      sum[r] = sum_tree(sums[r]) / width;
      product[r] = sum_tree(products[r]) / width;
    }
    for (size_t p = 0; p < panels; p++)
      for (size_t r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < PV; v++) {
          const size_t at = r * PANEL + (size_t)v * VL;
          const vf scale = vmul(vset(scales[row + r]), mask_of(x, mask, p, v));
          const vf normal = vmul(vsub(vload(in + p * in_stride + at), vset(means[row + r])), vset(scales[row + r]));
          const vf d = vmul(vload(d_output + p * d_stride + at), vload(gain + p * PANEL + v * VL));
          const vf rest = vfnma(normal, vset(product[r]), vsub(d, vset(sum[r])));
          float *to = out + p * out_stride + at;
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
  const int32_t *order = a->order == 0 ? NULL : I32(base, a->order), *segments = I32(base, a->segments);
  const size_t count = (size_t)a->segment_count;
  const float *means = F32(base, x->statistics), *scales = means + (size_t)x->statistics_stride;
  for (size_t unit = (size_t)a->unit0; unit < (size_t)a->unit1; unit++) {
    const float *in = F32(base, x->input) + unit * (size_t)x->input_stride;
    const float *d_output = F32(base, a->d_output) + unit * (size_t)a->d_output_stride;
    float pending[MAX_LEVELS][2][PANEL];
    vf gain[PV], bias[PV];
    for (size_t s = 0; s < count; s++) {
      UNROLL for (int v = 0; v < PV; v++) gain[v] = bias[v] = vzero();
      for (int32_t k = segments[s]; k < segments[s + 1]; k++) {
        const size_t row = (size_t)(order == NULL ? k : order[k]);
        UNROLL for (int v = 0; v < PV; v++) {
          const vf d = vload(d_output + row * PANEL + v * VL);
          const vf normal = vmul(vsub(vload(in + row * PANEL + v * VL), vset(means[row])), vset(scales[row]));
          gain[v] = vfma(d, normal, gain[v]);
          bias[v] = vadd(bias[v], d);
        }
      }
      size_t level = 0;
      for (size_t carry = s; carry & 1; carry >>= 1, level++)
        UNROLL for (int v = 0; v < PV; v++) {
          gain[v] = vadd(vload(pending[level][0] + v * VL), gain[v]);
          bias[v] = vadd(vload(pending[level][1] + v * VL), bias[v]);
        }
      UNROLL for (int v = 0; v < PV; v++) {
        vstore(pending[level][0] + v * VL, gain[v]);
        vstore(pending[level][1] + v * VL, bias[v]);
      }
    }
    float edges[2][PANEL];
    UNROLL for (int v = 0; v < PV; v++) {
      vstore(edges[0] + v * VL, gain[v]);
      vstore(edges[1] + v * VL, bias[v]);
    }
    double squares = 0;
    for (size_t i = 0; i < min_size(PANEL, (size_t)x->width - unit * PANEL); i++) {
      F32(base, a->gain_out)[unit * PANEL + i] = edges[0][i];
      F32(base, a->bias_out)[unit * PANEL + i] = edges[1][i];
      squares += (double)edges[0][i] * (double)edges[0][i] + (double)edges[1][i] * (double)edges[1][i];
    }
    F64(base, a->squares)[unit] = squares;
  }
}
