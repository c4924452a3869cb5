/* Small kernels for tests and measurements. */
#include "math.h"
#include "panel.h"

typedef struct {
  double in, out;  /* float [count] */
  double function; /* 0: exp, 1: sigmoid, 2: tanh */
  double count;    /* a multiple of 16 */
} evaluate_args;

void KERNEL(evaluate)(char *base, const double *args) {
  const evaluate_args *x = (const evaluate_args *)args;
  for (size_t i = 0; i < (size_t)x->count; i += VL) {
    const vf v = vload(F32(base, x->in) + i);
    vstore(F32(base, x->out) + i, x->function == 0 ? vexp(v) : x->function == 1 ? vsigmoid(v) : vtanh(v));
  }
}

typedef struct {
  double out, rounds;
} peak_args;

/* Fused multiply-adds on registers alone: the fastest that this core can go. 2 * 12 * VL operations a round. */
void KERNEL(peak)(char *base, const double *args) {
  const peak_args *x = (const peak_args *)args;
  vf acc[12];
  const vf a = vset(0.999999f), b = vset(1e-7f);
  UNROLL for (int i = 0; i < 12; i++) acc[i] = vset((float)i);
  for (size_t n = 0; n < (size_t)x->rounds; n++) {
    UNROLL for (int i = 0; i < 12; i++) acc[i] = vfma(acc[i], a, b);
  }
  UNROLL for (int i = 1; i < 12; i++) acc[0] = vadd(acc[0], acc[i]);
  vstore(F32(base, x->out), acc[0]);
}
