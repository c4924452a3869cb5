/* Small kernels for tests and measurements. */
#include "math.h"
#include "panel.h"

typedef struct {
  double in, out;  /* float [count] */
  double function; /* 0: exp, 1: sigmoid, 2: tanh, 3: ln(1 + x) */
  double count;    /* a multiple of 16 */
} evaluate_args;

void KERNEL(evaluate)(char *base, const double *args) {
  const evaluate_args *x = (const evaluate_args *)args;
  for (size_t i = 0; i < (size_t)x->count; i += VL) {
    const vf v = vload(F32(base, x->in) + i);
    vstore(F32(base, x->out) + i,
           x->function == 0   ? vexp(v)
           : x->function == 1 ? vsigmoid(v)
           : x->function == 2 ? vtanh(v)
                              : vlog1p(v));
  }
}

typedef struct {
  double out, rounds;
} peak_args;

/*
 * Multiply-adds on registers alone: the fastest that this core can go. 2 * 10 * 2 * VL operations a round, on operands
 * that fill their mantissas and change from one operation to the next, as those of training do.
 */
void KERNEL(peak)(char *base, const double *args) {
  const peak_args *x = (const peak_args *)args;
  float *out = F32(base, x->out);
  vf acc[10], factor[2], term[2];
  uint32_t state = 12345;
  for (int i = 0; i < 14; i++) {
    float lanes[VL];
    for (int l = 0; l < VL; l++) {
      state = state * 1664525u + 1013904223u;
      lanes[l] = ((float)(state >> 8) / 8388608.0f - 1.0f) * 0.9f;
    }
    if (i < 10) acc[i] = vload(lanes);
    else if (i < 12) factor[i - 10] = vload(lanes);
    else term[i - 12] = vload(lanes);
  }
  for (size_t n = 0; n < (size_t)x->rounds; n++) {
    UNROLL for (int j = 0; j < 2; j++)
      UNROLL for (int i = 0; i < 10; i++) acc[i] = vfma(acc[i], factor[(i + j) % 2], term[i / 2 % 2]);
  }
  UNROLL for (int i = 1; i < 10; i++) acc[0] = vadd(acc[0], acc[i]);
  vstore(out, acc[0]);
}
