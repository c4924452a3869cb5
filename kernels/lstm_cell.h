/* What an LSTM (see lstm.c) is before its cell state shows, normalised or not. */
#define PANELS 4
#define PRODUCT_PANELS 4
#define PRODUCT_SPLIT 4
#define STATES 2
#define CARRIES 1 /* the gradient of the cell state */
#include "sequence.h"

/* The gates and the cell state. */
INLINE void activate(const cell_forward *x, size_t place, size_t rank) {
  UNROLL for (int v = 0; v < PV; v++) {
    const size_t from = rank + (size_t)v * VL, to = place + (size_t)v * VL;
    const vf i = vsigmoid(vload(x->sum + from));
    const vf f = vsigmoid(vload(x->sum + x->sum_stride + from));
    const vf g = vtanh(vload(x->sum + 2 * x->sum_stride + from));
    const vf o = vsigmoid(vload(x->sum + 3 * x->sum_stride + from));
    const vf c = vfma(f, vload(x->work_cell + from), vmul(i, g));
    vstore(x->gate + to, i);
    vstore(x->gate + x->gate_stride + to, f);
    vstore(x->gate + 2 * x->gate_stride + to, g);
    vstore(x->gate + 3 * x->gate_stride + to, o);
    vstore(x->cell + to, c);
    vstore(x->work_cell + from, c);
  }
}
