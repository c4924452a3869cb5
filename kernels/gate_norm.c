/*
 * Layer normalization of what goes into the sums of a recurrent layer's gates: y = N(v) g + b over all blocks of a row, which lie as a
 * row map says (rows.h), so that panels may be left out between those that count. Of layers above the embedding rows forwards are
 * distinct tokens', backwards tokens': whose row is which a list tells. Sums run as in layer_norm.c.
 */
#include "lanes.h"
#include "rows.h"

#define BLOCK 16
/* Levels of the tree and one for its result: at most 1024 segments. */
#define MAX_LEVELS 11

typedef struct {
  double input, input_stride;           /* [panels][rows][16] */
  double gain;                          /* float [16 panels], zero where nothing counts */
  double statistics, statistics_stride; /* float [2][rows]: mean of a row, and what distances from it are multiplied by */
  double panels;
  row_map map;
} gate_norm_args;

/* Columns of a panel that count. */
INLINE size_t columns_of(const row_map *map, size_t panel) {
  const uint32_t of = (uint32_t)map->of, group = (uint32_t)panel / of;
  for (uint32_t block = 0; block < (uint32_t)map->blocks; block++)
    if (((uint32_t)map->panels >> 4 * block & 15) == (uint32_t)panel % of)
      return min_size(PANEL, (size_t)map->height - group * PANEL);
  return 0;
}

INLINE void mask_panel(const row_map *map, size_t panel, float mask[PANEL]) {
  const size_t columns = columns_of(map, panel);
  for (size_t i = 0; i < PANEL; i++) mask[i] = i < columns ? 1.0f : 0.0f;
}

INLINE float width_of(const row_map *map) { return (float)(map->height * map->blocks); }

typedef struct {
  gate_norm_args n;
  double out, out_stride;
  double bias; /* float [16 panels] */
  double epsilon;
  double row0, row1;
} gate_norm_forward_args;

void KERNEL(gate_norm_forward)(char *base, const double *args) {
  const gate_norm_forward_args *a = (const gate_norm_forward_args *)args;
  const gate_norm_args *x = &a->n;
  const size_t in_stride = (size_t)x->input_stride, out_stride = (size_t)a->out_stride, panels = (size_t)x->panels;
  const float width = width_of(&x->map), *gain = F32(base, x->gain), *bias = F32(base, a->bias);
  float *means = F32(base, x->statistics), *scales = means + (size_t)x->statistics_stride;
  for (size_t row = (size_t)a->row0; row < (size_t)a->row1; row += BLOCK) {
    const size_t rows = min_size(BLOCK, (size_t)a->row1 - row);
    const float *in = F32(base, x->input) + row * PANEL;
    float *out = F32(base, a->out) + row * PANEL;
    float lanes[BLOCK][PANEL] = {{0}}, squares[BLOCK][PANEL] = {{0}}, mask[PANEL];
    for (size_t p = 0; p < panels; p++) {
      mask_panel(&x->map, p, mask);
      for (size_t r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < PV; v++)
          vstore(lanes[r] + v * VL, vfma(vload(in + p * in_stride + r * PANEL + v * VL), vload(mask + v * VL),
                                         vload(lanes[r] + v * VL)));
    }
    for (size_t r = 0; r < rows; r++) means[row + r] = sum_tree(lanes[r]) / width;
    for (size_t p = 0; p < panels; p++) {
      mask_panel(&x->map, p, mask);
      for (size_t r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < PV; v++) {
          const vf far = vsub(vload(in + p * in_stride + r * PANEL + v * VL), vset(means[row + r]));
          const vf counted = vmul(far, vload(mask + v * VL));
          vstore(squares[r] + v * VL, vfma(counted, counted, vload(squares[r] + v * VL)));
        }
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

typedef struct {
  gate_norm_args n;
  double gather;                  /* int32 [places]: the row of each place; 0: its own */
  double d_output, d_input, d_stride; /* [panels][places][16] */
  double row0, row1;
} gate_norm_backward_args;

/* Of places [row0, row1): see layer_norm.c. */
void KERNEL(gate_norm_backward)(char *base, const double *args) {
  const gate_norm_backward_args *a = (const gate_norm_backward_args *)args;
  const gate_norm_args *x = &a->n;
  const size_t in_stride = (size_t)x->input_stride, stride = (size_t)a->d_stride, panels = (size_t)x->panels;
  const float width = width_of(&x->map), *gain = F32(base, x->gain), *in = F32(base, x->input);
  const float *means = F32(base, x->statistics), *scales = means + (size_t)x->statistics_stride;
  for (size_t place = (size_t)a->row0; place < (size_t)a->row1; place += BLOCK) {
    const size_t rows = min_size(BLOCK, (size_t)a->row1 - place);
    const float *d_output = F32(base, a->d_output) + place * PANEL;
    float *d_input = F32(base, a->d_input) + place * PANEL;
    float sums[BLOCK][PANEL] = {{0}}, products[BLOCK][PANEL] = {{0}}, sum[BLOCK], product[BLOCK], mask[PANEL];
    size_t row[BLOCK];
    for (size_t r = 0; r < rows; r++) row[r] = a->gather == 0 ? place + r : (size_t)I32(base, a->gather)[place + r];
    for (size_t p = 0; p < panels; p++)
      for (size_t r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < PV; v++) {
          const vf value = vload(in + p * in_stride + row[r] * PANEL + v * VL);
          const vf normal = vmul(vsub(value, vset(means[row[r]])), vset(scales[row[r]]));
          const vf d = vmul(vload(d_output + p * stride + r * PANEL + v * VL), vload(gain + p * PANEL + v * VL));
          vstore(sums[r] + v * VL, vadd(vload(sums[r] + v * VL), d));
          vstore(products[r] + v * VL, vfma(d, normal, vload(products[r] + v * VL)));
        }
    for (size_t r = 0; r < rows; r++) {
      sum[r] = sum_tree(sums[r]) / width;
      product[r] = sum_tree(products[r]) / width;
    }
    for (size_t p = 0; p < panels; p++) {
      mask_panel(&x->map, p, mask);
      for (size_t r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < PV; v++) {
          const vf scale = vmul(vset(scales[row[r]]), vload(mask + v * VL));
          const vf value = vload(in + p * in_stride + row[r] * PANEL + v * VL);
          const vf normal = vmul(vsub(value, vset(means[row[r]])), vset(scales[row[r]]));
          const vf d = vmul(vload(d_output + p * stride + r * PANEL + v * VL), vload(gain + p * PANEL + v * VL));
          vstore(d_input + p * stride + r * PANEL + v * VL,
                 vmul(vfnma(normal, vset(product[r]), vsub(d, vset(sum[r]))), scale));
        }
    }
  }
}

typedef struct {
  gate_norm_args n;
  double gather;                  /* as backwards */
  double d_output, d_stride;      /* [panels][places][16] */
  double order;                   /* int32 [k]: place of the k-th element of a segment */
  double segments, segment_count; /* int32 [segment_count + 1]: first k of each segment; a power of two of them */
  double gain_out, bias_out;      /* float [blocks x height]; no gradient of a bias where 0 */
  double copies;                  /* biases that have this gradient */
  double squares;                 /* double [units] */
  double unit0, unit1;
} gate_norm_gradient_args;

/* Sums over places of dy n and of dy, for units [unit0, unit1) of 16 rows. */
void KERNEL(gate_norm_gradient)(char *base, const double *args) {
  const gate_norm_gradient_args *a = (const gate_norm_gradient_args *)args;
  const gate_norm_args *x = &a->n;
  const int32_t *order = I32(base, a->order), *segments = I32(base, a->segments);
  const int32_t *gather = a->gather == 0 ? 0 : I32(base, a->gather);
  const float *means = F32(base, x->statistics), *scales = means + (size_t)x->statistics_stride;
  for (size_t unit = (size_t)a->unit0; unit < (size_t)a->unit1; unit++) {
    const unit_rows rows = rows_of_unit(&x->map, unit);
    const float *in = F32(base, x->input) + rows.panel * (size_t)x->input_stride;
    const float *d_output = F32(base, a->d_output) + rows.panel * (size_t)a->d_stride;
    float pending[MAX_LEVELS][2][PANEL];
    vf gain[PV], bias[PV];
    for (size_t s = 0; s < (size_t)a->segment_count; s++) {
      UNROLL for (int v = 0; v < PV; v++) gain[v] = bias[v] = vzero();
      for (int32_t k = segments[s]; k < segments[s + 1]; k++) {
        const size_t place = (size_t)order[k], row = gather == 0 ? place : (size_t)gather[place];
        UNROLL for (int v = 0; v < PV; v++) {
          const vf d = vload(d_output + place * PANEL + v * VL);
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
    float sums[2][PANEL];
    UNROLL for (int v = 0; v < PV; v++) {
      vstore(sums[0] + v * VL, gain[v]);
      vstore(sums[1] + v * VL, bias[v]);
    }
    double squares = 0;
    for (size_t i = 0; i < rows.count; i++) {
      F32(base, a->gain_out)[rows.row + i] = sums[0][i];
      squares += (double)sums[0][i] * (double)sums[0][i];
      if (a->bias_out == 0) continue;
      F32(base, a->bias_out)[rows.row + i] = sums[1][i];
      squares += a->copies * (double)sums[1][i] * (double)sums[1][i];
    }
    F64(base, a->squares)[unit] = squares;
  }
}
