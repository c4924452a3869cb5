/*
 * Functions of single elements behind a product, in place: their slopes follow from what they give, so that nothing else is
 * kept for the way back. A NaN comes through.
 */
#include "math.h"
#include "panel.h"

enum activation { RELU = 1, TANH = 2 };

typedef struct {
  double values, stride, panels; /* [panels][rows][16] */
  double kind;
  double row0, row1;
} activate_args;

INLINE void activate_row(float *at, const int kind) {
  UNROLL for (int v = 0; v < PV; v++) {
    const vf x = vload(at + v * VL);
    vstore(at + v * VL, kind == RELU ? vmax(vzero(), x) : vtanh(x));
  }
}

INLINE void activate_rows(char *base, const activate_args *x, const int kind) {
  for (size_t panel = 0; panel < (size_t)x->panels; panel++) {
    float *values = F32(base, x->values) + panel * (size_t)x->stride;
    for (size_t row = (size_t)x->row0; row < (size_t)x->row1; row++) activate_row(values + row * PANEL, kind);
  }
}

void KERNEL(activate)(char *base, const double *args) {
  const activate_args *x = (const activate_args *)args;
  if ((int)x->kind == RELU) activate_rows(base, x, RELU);
  else activate_rows(base, x, TANH);
}

typedef struct {
  double gradient, gradient_stride;     /* [panels][rows][16]: of the function's results, becomes that of its arguments */
  double values, values_stride, panels; /* [panels][rows][16]: the results */
  double kind;
  double row0, row1;
} slope_args;

INLINE void slope_row(float *gradient, const float *values, const int kind) {
  if (kind == RELU) {
    for (int i = 0; i < PANEL; i++) gradient[i] = values[i] > 0.0f ? gradient[i] : 0.0f;
    return;
  }
  UNROLL for (int v = 0; v < PV; v++) {
    const vf y = vload(values + v * VL);
    vstore(gradient + v * VL, vmul(vload(gradient + v * VL), vfnma(y, y, vset(1.0f))));
  }
}

INLINE void slope_rows(char *base, const slope_args *x, const int kind) {
  for (size_t panel = 0; panel < (size_t)x->panels; panel++) {
    float *gradient = F32(base, x->gradient) + panel * (size_t)x->gradient_stride;
    const float *values = F32(base, x->values) + panel * (size_t)x->values_stride;
    for (size_t row = (size_t)x->row0; row < (size_t)x->row1; row++)
      slope_row(gradient + row * PANEL, values + row * PANEL, kind);
  }
}

void KERNEL(multiply_slope)(char *base, const double *args) {
  const slope_args *x = (const slope_args *)args;
  if ((int)x->kind == RELU) slope_rows(base, x, RELU);
  else slope_rows(base, x, TANH);
}
