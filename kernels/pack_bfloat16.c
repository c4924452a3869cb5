/* Rounding to bfloat16 for products: of activations and their gradients, and of weights, which are rounded once after each update. */
#include "bfloat16.h"
#include "rows.h"

typedef struct {
  double in, in_stride, panels; /* panel matrix */
  double out, out_stride;       /* pair matrix of as many rows */
  double row0, row1;
} round_args;

void KERNEL(round_pairs)(char *base, const double *args) {
  const round_args *x = (const round_args *)args;
  const size_t row0 = (size_t)x->row0, rows = (size_t)x->row1 - row0;
  round_panels(F32(base, x->in) + row0 * PANEL, (size_t)x->in_stride, (size_t)x->panels, rows,
               F32(base, x->out) + row0 * PANEL, (size_t)x->out_stride);
}

typedef struct {
  double weight, columns;           /* [rows][columns] */
  row_map rows;
  double forward, forward_stride;   /* [panels][16 pairs of column panels][16]: W^T, right operand of x W^T */
  double backward, backward_stride; /* [ceil(columns / 16)][16 pairs of panels][16]: W, right operand of dy W; or 0 */
  double unit0, unit1;
} pack_pairs_args;

INLINE uint16_t round_one(float value) {
  union {
    float number;
    uint32_t bits;
  } x = {value};
  const uint32_t size = x.bits & 0x7fffffffu;
  if (size < LEAST_BITS) return 0;
  if (size >= INFINITE_FROM) return (uint16_t)((x.bits >> 16 & 0x8000u) | (size > INFINITY_BITS ? 0x7fc0u : 0x7f80u));
  return (uint16_t)((x.bits + 0x7fffu + (x.bits >> 16 & 1u)) >> 16);
}

/* Place of an element (k, n) of a right operand, in halves of words, from its panel of n on. */
INLINE size_t half_of(size_t k, size_t lane) {
  const size_t panel = k / PANEL;
  return ((panel / 2 * PANEL + k % PANEL) * PANEL + lane) * 2 + panel % 2;
}

/* Lines of the columns [column, column + VL) of 16 rows. */
INLINE void transpose_rows(const float *weight, size_t columns, size_t column, float lines[VL][PANEL]) {
  UNROLL for (int w = 0; w < PV; w++) {
    vf square[VL];
    UNROLL for (int i = 0; i < VL; i++) square[i] = vload(weight + (size_t)(w * VL + i) * columns + column);
    vtranspose(square);
    UNROLL for (int i = 0; i < VL; i++) vstore(lines[i] + w * VL, square[i]);
  }
}

/* Packed weights go past the caches: those of large models would not stay there until they are read. */
INLINE void stream_pairs(float *to, const float *first, const float *second) {
  UNROLL for (int v = 0; v < PV; v++) vstream(to + v * VL, pair_words(vload(first + v * VL), vload(second + v * VL)));
}

/* Packs the columns of whole pairs of panels forwards, for 16 rows; returns how many columns. */
INLINE size_t pack_forward(const float *weight, size_t columns, float *forward) {
  size_t column = 0;
  for (; column + 2 * PANEL <= columns; column += 2 * PANEL)
    for (int v = 0; v < PV; v++) {
      float first[VL][PANEL] __attribute__((aligned(64))), second[VL][PANEL] __attribute__((aligned(64)));
      transpose_rows(weight, columns, column + (size_t)(v * VL), first);
      transpose_rows(weight, columns, column + PANEL + (size_t)(v * VL), second);
      for (int i = 0; i < VL; i++)
        stream_pairs(forward + (column / 2 + (size_t)(v * VL + i)) * PANEL, first[i], second[i]);
    }
  return column;
}

/* Packs the columns of whole panels backwards, for two units whose panels are a pair; returns how many columns. */
INLINE size_t pack_backward(const float *first, const float *second, size_t columns, float *backward, size_t stride) {
  size_t column = 0;
  for (; column + PANEL <= columns; column += PANEL)
    for (size_t r = 0; r < PANEL; r++)
      stream_pairs(backward + column / PANEL * stride + r * PANEL, first + r * columns + column, second + r * columns + column);
  return column;
}

INLINE void pack_halves_backward(const float *weight, size_t columns, unit_rows rows, size_t column, float *backward,
                                 size_t stride) {
  for (; column < columns; column++) {
    uint16_t *to = (uint16_t *)(backward + column / PANEL * stride);
    for (size_t r = 0; r < rows.count; r++)
      to[half_of(rows.panel * PANEL + r, column % PANEL)] = round_one(weight[r * columns + column]);
  }
}

/*
 * A unit is one panel of rows: of the words backwards it writes its half, and another unit the other one. Where both are in one
 * call they are written together, else half by half, since the other may be another worker's.
 */
void KERNEL(pack_pairs)(char *base, const double *args) {
  const pack_pairs_args *x = (const pack_pairs_args *)args;
  const size_t columns = (size_t)x->columns, end = (size_t)x->unit1, stride = (size_t)x->backward_stride;
  float *backward = F32(base, x->backward);
  size_t done_backwards = (size_t)x->unit0;
  for (size_t unit = (size_t)x->unit0; unit < end; unit++) {
    const unit_rows rows = rows_of_unit(&x->rows, unit);
    const float *weight = F32(base, x->weight) + rows.row * columns;
    float *forward = F32(base, x->forward) + rows.panel * (size_t)x->forward_stride;
    for (size_t column = rows.count == PANEL ? pack_forward(weight, columns, forward) : 0; column < columns; column++)
      for (size_t r = 0; r < rows.count; r++)
        ((uint16_t *)forward)[half_of(column, r)] = round_one(weight[r * columns + column]);
    if (x->backward == 0 || unit < done_backwards) continue;
    const unit_rows next = rows_of_unit(&x->rows, unit + 1);
    size_t column = 0;
    if (unit + 1 < end && rows.panel % 2 == 0 && next.panel == rows.panel + 1 && rows.count == PANEL && next.count == PANEL) {
      const float *other = F32(base, x->weight) + next.row * columns;
      column = pack_backward(weight, other, columns, backward + rows.panel / 2 * PANEL * PANEL, stride);
      pack_halves_backward(other, columns, next, column, backward, stride);
      done_backwards = unit + 2;
    }
    pack_halves_backward(weight, columns, rows, column, backward, stride);
  }
  STREAM_END();
}
