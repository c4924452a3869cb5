/* The cell of a plain recurrent layer: see rnn.c, and rnn_relu.c, which defines RNN_RELU. */
#define PANELS 1
#define PRODUCT_PANELS 1
#define PRODUCT_SPLIT 1
#define STATES 1
#define CARRIES 0
#include "sequence.h"

#ifdef RNN_RELU
INLINE vf squash(vf sum) { return vmax(vzero(), sum); }

/* Of the sum, from the gradient of h. */
INLINE vf squash_back(vf d, vf h) {
  typedef float floats __attribute__((vector_size(4 * VL)));
  typedef int32_t lanes __attribute__((vector_size(4 * VL)));
  const lanes positive = (floats)h > (floats)vzero();
  return vfrombits((vi)((lanes)vbits(d) & positive));
}
#else
INLINE vf squash(vf sum) { return vtanh(sum); }

/* Of the sum, from the gradient of h. */
INLINE vf squash_back(vf d, vf h) { return vmul(d, vfnma(h, h, vset(1.0f))); }
#endif

INLINE void activate(const cell_forward *x, size_t place, size_t rank) {
  UNROLL for (int v = 0; v < PV; v++) {
    const size_t from = rank + (size_t)v * VL, to = place + (size_t)v * VL;
    const vf h = squash(vload(x->sum + from));
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
    const vf d = squash_back(vload(x->d_hidden + lane), vload(x->hidden + lane));
    vstore(x->gate + lane, d);
    vstore(x->work_gate + lane, d);
  }
}
