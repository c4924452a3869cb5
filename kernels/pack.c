/*
 * Packing of parameters into the panels that products read: for 16 rows right after their update, while they are in the
 * nearest caches.
 */
#include "rows.h"

typedef struct {
  double weight, columns;           /* [rows][columns] */
  row_map rows;
  double forward, forward_stride;   /* [panels][16 ceil(columns / 16)][16]: W^T, right operand of x W^T */
  double backward, backward_stride; /* [ceil(columns / 16)][16 panels][16]: W, right operand of dy W; or 0 */
  double unit0, unit1;
} pack_args;

/* Packed weights go past the caches: those of large models would not stay there until they are read. */
INLINE void stream_row(float *to, const float *from) {
  UNROLL for (int v = 0; v < PV; v++) vstream(to + v * VL, vload(from + v * VL));
}

/* Packs the columns of whole panels for 16 rows; returns how many columns. */
INLINE size_t pack_squares(const float *weight, size_t columns, float *forward, float *backward,
                           size_t backward_stride) {
  size_t column = 0;
  for (; column + PANEL <= columns; column += PANEL) {
    for (int v = 0; v < PV; v++) {
      float lines[VL][PANEL] __attribute__((aligned(64)));
      UNROLL for (int w = 0; w < PV; w++) {
        vf square[VL];
        UNROLL for (int i = 0; i < VL; i++)
          square[i] = vload(weight + (size_t)(w * VL + i) * columns + column + (size_t)(v * VL));
        vtranspose(square);
        UNROLL for (int i = 0; i < VL; i++) vstore(lines[i] + w * VL, square[i]);
      }
      for (int i = 0; i < VL; i++) stream_row(forward + (column + (size_t)(v * VL + i)) * PANEL, lines[i]);
    }
    if (backward != 0)
      for (size_t r = 0; r < PANEL; r++)
        stream_row(backward + column / PANEL * backward_stride + r * PANEL, weight + r * columns + column);
  }
  return column;
}

void KERNEL(pack)(char *base, const double *args) {
  const pack_args *x = (const pack_args *)args;
  const size_t columns = (size_t)x->columns;
  for (size_t unit = (size_t)x->unit0; unit < (size_t)x->unit1; unit++) {
    const unit_rows rows = rows_of_unit(&x->rows, unit);
    const size_t count = rows.count;
    const float *weight = F32(base, x->weight) + rows.row * columns;
    float *forward = F32(base, x->forward) + rows.panel * (size_t)x->forward_stride;
    float *backward = x->backward == 0 ? 0 : F32(base, x->backward) + rows.panel * PANEL * PANEL;
    const size_t backward_stride = (size_t)x->backward_stride;
    size_t column = 0;
    if (count == PANEL) column = pack_squares(weight, columns, forward, backward, backward_stride);
    for (; column < columns; column++) {
      for (size_t r = 0; r < count; r++) {
        const float value = weight[r * columns + column];
        forward[column * PANEL + r] = value;
        if (backward != 0) backward[column / PANEL * backward_stride + r * PANEL + column % PANEL] = value;
      }
    }
  }
  STREAM_END();
}

typedef struct {
  double first; /* [rows] */
  row_map rows;
  double second, second_panels; /* another bias, or 0, and the panels of its blocks */
  double out;                   /* [panels][16] */
  double unit0, unit1;
} pack_bias_args;

void KERNEL(pack_bias)(char *base, const double *args) {
  const pack_bias_args *x = (const pack_bias_args *)args;
  row_map second_rows = x->rows;
  second_rows.panels = x->second_panels;
  for (size_t unit = (size_t)x->unit0; unit < (size_t)x->unit1; unit++) {
    const unit_rows rows = rows_of_unit(&x->rows, unit), others = rows_of_unit(&second_rows, unit);
    const float *first = F32(base, x->first) + rows.row;
    const float *second = x->second == 0 ? 0 : F32(base, x->second) + rows.row;
    float *out = F32(base, x->out) + rows.panel * PANEL, *apart = F32(base, x->out) + others.panel * PANEL;
    for (size_t r = 0; r < rows.count; r++) out[r] = first[r] + (second == 0 || apart != out ? 0.0f : second[r]);
    for (size_t r = 0; second != 0 && apart != out && r < rows.count; r++) apart[r] = second[r];
  }
}
