/* The cell of a GRU: see gru.c. */
#define PANELS 4
#define PRODUCT_PANELS 3
#define PRODUCT_SPLIT 2
#define STATES 1
#define CARRIES 1 /* the gradient of h_{t-1} in the last line */
#include "sequence.h"

INLINE void activate(const cell_forward *x, size_t place, size_t rank) {
  UNROLL for (int v = 0; v < PV; v++) {
    const size_t from = rank + (size_t)v * VL, to = place + (size_t)v * VL;
    vstore(x->gate + to, vsigmoid(vload(x->sum + from)));
    vstore(x->gate + x->gate_stride + to, vsigmoid(vload(x->sum + x->sum_stride + from)));
    vstore(x->gate + 3 * x->gate_stride + to, vload(x->sum + 3 * x->sum_stride + from));
  }
}

INLINE void expose(const cell_forward *x, size_t place, size_t rank) {
  UNROLL for (int v = 0; v < PV; v++) {
    const size_t from = rank + (size_t)v * VL, to = place + (size_t)v * VL;
    const vf r = vload(x->gate + to), z = vload(x->gate + x->gate_stride + to);
    const vf a = vload(x->sum + 3 * x->sum_stride + from);
    const vf n = vtanh(vfma(r, a, vload(x->sum + 2 * x->sum_stride + from)));
    const vf h = vfma(z, vsub(vload(x->previous_hidden + from), n), n);
    vstore(x->gate + 2 * x->gate_stride + to, n);
    vstore(x->hidden + to, h);
    vstore(x->work_hidden + from, h);
  }
}

INLINE void differentiate(const cell_backward *x) {
  UNROLL for (int v = 0; v < PV; v++) {
    const size_t lane = (size_t)v * VL;
    const vf one = vset(1.0f);
    const vf r = vload(x->gate + lane), z = vload(x->gate + x->gate_stride + lane);
    const vf n = vload(x->gate + 2 * x->gate_stride + lane), a = vload(x->gate + 3 * x->gate_stride + lane);
    const vf dh = vadd(vload(x->d_hidden + lane), vload(x->carried + lane));
    const vf dz = vmul(dh, vsub(vload(x->previous_hidden + lane), n));
    const vf dn = vmul(vmul(dh, vsub(one, z)), vfnma(n, n, one));
    const vf d_reset = vmul(vmul(dn, a), vmul(r, vsub(one, r)));
    const vf d_update = vmul(dz, vmul(z, vsub(one, z))), da = vmul(dn, r);
    vstore(x->gate + lane, d_reset);
    vstore(x->gate + x->gate_stride + lane, d_update);
    vstore(x->gate + 2 * x->gate_stride + lane, dn);
    vstore(x->gate + 3 * x->gate_stride + lane, da);
    vstore(x->work_gate + lane, d_reset);
    vstore(x->work_gate + x->work_stride + lane, d_update);
    vstore(x->work_gate + 2 * x->work_stride + lane, da);
    vstore(x->carried + lane, vmul(dh, z));
  }
}
