/*
 * Layer normalization of what goes into the sums of a recurrent layer's gates: y = N(v) g + b over all blocks of a row, which lie as a
 * row map says (rows.h), so that panels may be left out between those that count. Of layers above the embedding rows forwards are
 * distinct tokens', backwards tokens': whose row is which a list tells. See row_norm.h.
 */
#include "row_norm.h"

typedef struct {
  double input, input_stride;           /* [panels][rows][16] */
  double gain;                          /* float [16 panels], zero where nothing counts */
  double statistics, statistics_stride; /* float [2][rows]: mean of a row, and what distances from it are multiplied by */
  double panels;
  row_map map;
} gate_norm_args;

INLINE normed all_blocks(char *base, const gate_norm_args *x) {
  return (normed){.values = F32(base, x->input),
                  .stride = (size_t)x->input_stride,
                  .groups = (size_t)x->panels / (size_t)x->map.of,
                  .each = (size_t)x->map.blocks,
                  .of = (size_t)x->map.of,
                  .width = (size_t)x->map.height,
                  .panels = (uint32_t)x->map.panels};
}

/* 1 for columns of a panel that count. */
INLINE void mask_panel(const normed *x, size_t panel, float mask[PANEL]) {
  const size_t group = panel / x->of;
  size_t columns = 0;
  for (size_t k = 0; k < x->each; k++)
    if (normed_panel(x, group, k) == panel) columns = min_size(PANEL, x->width - group * PANEL);
  for (size_t i = 0; i < PANEL; i++) mask[i] = i < columns ? 1.0f : 0.0f;
}

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
  const normed all = all_blocks(base, x);
  normalise_rows(&all, (size_t)x->panels, F32(base, x->gain), F32(base, a->bias), (float)a->epsilon,
                 F32(base, x->statistics), (size_t)x->statistics_stride, F32(base, a->out), (size_t)a->out_stride,
                 (size_t)a->row0, (size_t)a->row1);
}

typedef struct {
  gate_norm_args n;
  double gather;                  /* int32 [places]: the row of each place; 0: its own */
  double d_output, d_input, d_stride; /* [panels][places][16] */
  double row0, row1;
} gate_norm_backward_args;

/* Of places [row0, row1). */
void KERNEL(gate_norm_backward)(char *base, const double *args) {
  const gate_norm_backward_args *a = (const gate_norm_backward_args *)args;
  const gate_norm_args *x = &a->n;
  const normed all = all_blocks(base, x);
  const size_t panels = (size_t)x->panels;
  for (size_t first = (size_t)a->row0; first < (size_t)a->row1; first += NORM_BLOCK) {
    int32_t place[NORM_BLOCK];
    norm_block block;
    const normed_output dy = {F32(base, a->d_output), (size_t)a->d_stride, place, F32(base, x->gain)};
    number_rows(place, first);
    resume_block(&block, &all, a->gather == 0 ? place : I32(base, a->gather) + first, (size_t)a->row1 - first, &dy,
                 F32(base, x->statistics), (size_t)x->statistics_stride);
    for (size_t p = 0; p < panels; p++) {
      float mask[PANEL];
      mask_panel(&all, p, mask);
      for (size_t r = 0; r < block.rows; r++)
        UNROLL for (int v = 0; v < PV; v++) {
          const size_t at = p * dy.stride + (first + r) * PANEL + (size_t)v * VL;
          const vf scale = vmul(vset(block.scale[r]), vload(mask + v * VL));
          const float *value = all.values + p * all.stride + (size_t)block.row[r] * PANEL + v * VL;
          const vf normal = normal_of(value, block.mean[r], block.scale[r]);
          const vf d = vmul(vload(dy.values + at), vload(dy.gain + p * PANEL + v * VL));
          vstore(F32(base, a->d_input) + at, vmul(normed_rest(d, normal, block.sum[r], block.product[r]), scale));
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
  const float *means = F32(base, x->statistics), *scales = means + (size_t)x->statistics_stride;
  const norm_elements places = {
      .order = I32(base, a->order),
      .segments = I32(base, a->segments),
      .count = (size_t)a->segment_count,
      .row_of = a->gather == 0 ? 0 : I32(base, a->gather),
  };
  for (size_t unit = (size_t)a->unit0; unit < (size_t)a->unit1; unit++) {
    const unit_rows rows = rows_of_unit(&x->map, unit);
    float sums[2][PANEL];
    double squares = 0;
    sum_gradients(&places, F32(base, x->input) + rows.panel * (size_t)x->input_stride, means, scales,
                  F32(base, a->d_output) + rows.panel * (size_t)a->d_stride, sums);
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
