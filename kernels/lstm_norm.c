/*
 * LSTM with layer normalization (Ba et al. 2016): its sums as recurrence_norm.h has them, and the cell state before it shows.
 *
 *   c_t = f c_{t-1} + i g        h_t = o tanh(N(c_t) g_c + b_c)
 */
#define NORM_PARTS 3
#include "lstm_cell.h"

#include "recurrence_norm.h"

INLINE void show(const cell_forward *x, size_t place, size_t rank, int v, vf y) {
  const size_t from = rank + (size_t)v * VL, to = place + (size_t)v * VL;
  const vf h = vmul(vload(x->gate + 3 * x->gate_stride + to), vtanh(y));
  vstore(x->hidden + to, h);
  vstore(x->work_hidden + from, h);
}

INLINE void hide(float *gate, size_t gate_stride, const float *d_hidden, float *d_state, int v, vf y) {
  const size_t lane = (size_t)v * VL;
  const vf one = vset(1.0f), o = vload(gate + 3 * gate_stride + lane);
  const vf dh = vload(d_hidden + lane), shown = vtanh(y);
  vstore(d_state + lane, vmul(vmul(dh, o), vfnma(shown, shown, one)));
  vstore(gate + 3 * gate_stride + lane, vmul(vmul(dh, shown), vmul(o, vsub(one, o))));
}

INLINE void differentiate_state(float *gate, size_t gate_stride, const float *previous_cell, float *carried, int v, vf dc) {
  const size_t lane = (size_t)v * VL;
  const vf one = vset(1.0f);
  const vf i = vload(gate + lane), f = vload(gate + gate_stride + lane), g = vload(gate + 2 * gate_stride + lane);
  vstore(gate + lane, vmul(vmul(dc, g), vmul(i, vsub(one, i))));
  vstore(gate + gate_stride + lane, vmul(vmul(dc, vload(previous_cell + lane)), vmul(f, vsub(one, f))));
  vstore(gate + 2 * gate_stride + lane, vmul(vmul(dc, i), vfnma(g, g, one)));
  vstore(carried + lane, vmul(dc, f));
}

void KERNEL(lstm_norm_forward)(char *base, const double *args) { run_norm_forward(base, args); }
void KERNEL(lstm_norm_backward)(char *base, const double *args) { run_norm_backward(base, args); }
