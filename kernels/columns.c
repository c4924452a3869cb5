/* Columns of one panel matrix copied to, or added to, columns of another one: how signals are joined and parted. */
#include "panel.h"

typedef struct {
  double from, from_stride, from_column; /* [panels][rows][16] */
  double to, to_stride, to_column;
  double columns, adds;
  double row0, row1;
} copy_columns_args;

INLINE void put(float *to, const float *from, size_t count, int adds) {
  for (size_t i = 0; i < count; i++) to[i] = adds ? to[i] + from[i] : from[i];
}

/* Whole panels, where both begin with one. */
INLINE void put_panel(float *to, const float *from, int adds) {
  UNROLL for (int v = 0; v < PV; v++) {
    const vf value = vload(from + v * VL);
    vstore(to + v * VL, adds ? vadd(vload(to + v * VL), value) : value);
  }
}

void KERNEL(copy_columns)(char *base, const double *args) {
  const copy_columns_args *x = (const copy_columns_args *)args;
  const size_t columns = (size_t)x->columns, row1 = (size_t)x->row1;
  const int adds = x->adds != 0;
  size_t done = 0;
  while (done < columns) {
    const size_t source = (size_t)x->from_column + done, target = (size_t)x->to_column + done;
    const size_t room = PANEL - (source % PANEL > target % PANEL ? source % PANEL : target % PANEL);
    const size_t count = min_size(columns - done, room);
    const float *from = F32(base, x->from) + source / PANEL * (size_t)x->from_stride + source % PANEL;
    float *to = F32(base, x->to) + target / PANEL * (size_t)x->to_stride + target % PANEL;
    for (size_t row = (size_t)x->row0; row < row1; row++) {
      if (count == PANEL) put_panel(to + row * PANEL, from + row * PANEL, adds);
      else put(to + row * PANEL, from + row * PANEL, count, adds);
    }
    done += count;
  }
}
