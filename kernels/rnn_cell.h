/* The cell of a plain recurrent layer: see rnn.c. */
#define PANELS 1
#define PRODUCT_PANELS 1
#define PRODUCT_SPLIT 1
#define STATES 1
#define CARRIES 0
#include "sequence.h"

INLINE void activate(const cell_forward *x, size_t place, size_t rank) {
  UNROLL for (int v = 0; v < PV; v++) {
    const size_t from = rank + (size_t)v * VL, to = place + (size_t)v * VL;
    const vf h = vtanh(vload(x->sum + from));
    vstore(x->hidden + to, h);
    vstore(x->work_hidden + from, h);
  }
}

INLINE void expose(const cell_forward *x, size_t place, size_t rank) {
  (void)x;
  (void)place;
  (void)rank;
}

INLINE void differentiate(const cell_backward *x) {
  UNROLL for (int v = 0; v < PV; v++) {
    const size_t lane = (size_t)v * VL;
    const vf h = vload(x->hidden + lane), d = vmul(vload(x->d_hidden + lane), vfnma(h, h, vset(1.0f)));
    vstore(x->gate + lane, d);
    vstore(x->work_gate + lane, d);
  }
}
