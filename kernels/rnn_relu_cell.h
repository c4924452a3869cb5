/* The cell of a plain recurrent layer with max(0, ...): see rnn_relu.c. */
#define PANELS 1
#define PRODUCT_PANELS 1
#define PRODUCT_SPLIT 1
#define STATES 1
#define CARRIES 0
#include "sequence.h"

INLINE void activate(const cell_forward *x, size_t place, size_t rank) {
  UNROLL for (int v = 0; v < PV; v++) {
    const size_t from = rank + (size_t)v * VL, to = place + (size_t)v * VL;
    const vf h = vmax(vzero(), vload(x->sum + from));
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
  typedef float floats __attribute__((vector_size(4 * VL)));
  typedef int32_t lanes __attribute__((vector_size(4 * VL)));
  UNROLL for (int v = 0; v < PV; v++) {
    const size_t lane = (size_t)v * VL;
    const lanes positive = (floats)vload(x->hidden + lane) > (floats)vzero();
    const vf d = vfrombits((vi)((lanes)vbits(vload(x->d_hidden + lane)) & positive));
    vstore(x->gate + lane, d);
    vstore(x->work_gate + lane, d);
  }
}
