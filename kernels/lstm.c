/*
 * LSTM: Hochreiter & Schmidhuber 1997, Gers 2000. The panels of 16 hidden units are the gates i, f, g, o.
 *
 *   i = sigmoid(..)  f = sigmoid(..)  g = tanh(..)  o = sigmoid(..)      (.. = W_ih x_t + b + W_hh h_{t-1})
 *   c_t = f c_{t-1} + i g        h_t = o tanh(c_t)
 */
#include "lstm_cell.h"

/* The hidden state: tanh(c) waits for the gates. */
INLINE void expose(const cell_forward *x, size_t place, size_t rank) {
  UNROLL for (int v = 0; v < PV; v++) {
    const size_t from = rank + (size_t)v * VL, to = place + (size_t)v * VL;
    const vf h = vmul(vload(x->gate + 3 * x->gate_stride + to), vtanh(vload(x->work_cell + from)));
    vstore(x->hidden + to, h);
    vstore(x->work_hidden + from, h);
  }
}

INLINE void differentiate(const cell_backward *x) {
  UNROLL for (int v = 0; v < PV; v++) {
    const size_t lane = (size_t)v * VL;
    const vf one = vset(1.0f);
    const vf i = vload(x->gate + lane), f = vload(x->gate + x->gate_stride + lane);
    const vf g = vload(x->gate + 2 * x->gate_stride + lane), o = vload(x->gate + 3 * x->gate_stride + lane);
    const vf dh = vload(x->d_hidden + lane), c = vtanh(vload(x->cell + lane));
    const vf dc = vfma(vmul(dh, o), vfnma(c, c, one), vload(x->carried + lane));
    const vf d[4] = {
        vmul(vmul(dc, g), vmul(i, vsub(one, i))),
        vmul(vmul(dc, vload(x->previous_cell + lane)), vmul(f, vsub(one, f))),
        vmul(vmul(dc, i), vfnma(g, g, one)),
        vmul(vmul(dh, c), vmul(o, vsub(one, o))),
    };
    UNROLL for (size_t gate = 0; gate < 4; gate++) {
      vstore(x->gate + gate * x->gate_stride + lane, d[gate]);
      vstore(x->work_gate + gate * x->work_stride + lane, d[gate]);
    }
    vstore(x->carried + lane, vmul(dc, f));
  }
}

#include "recurrence.h"

void KERNEL(lstm_forward)(char *base, const double *args) { run_forward(base, args); }
void KERNEL(lstm_backward)(char *base, const double *args) { run_backward(base, args); }
