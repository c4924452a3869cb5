/*
 * Running averages: what is averaged goes a share of the way to a new value. The first value, whose share is 1, takes the place
 * of whatever was there. And sums of squares of such averages, where they are those of gradients.
 */
#include "simd.h"

#define STATES 0

typedef struct {
  double share;
} rule_settings;

typedef struct {
  vf share;
  int is_first;
} rule_vectors;

INLINE rule_vectors prepare_rule(const rule_settings *settings, double decay) {
  (void)decay;
  return (rule_vectors){vset((float)settings->share), settings->share == 1};
}

INLINE vf update_vector(const rule_vectors *s, vf average, vf value, vf state[STATES + 1]) {
  (void)state;
  return s->is_first ? value : vfma(s->share, vsub(value, average), average);
}

#include "update.h"

void KERNEL(average)(char *base, const double *args) { update(base, args); }

typedef struct {
  double matrix, columns; /* [rows][columns] */
  row_map rows;
  double squares; /* double [units] */
  double unit0, unit1;
} unit_squares_args;

/* Sums of squares of each unit's rows, in float64, in 16 lanes. */
void KERNEL(unit_squares)(char *base, const double *args) {
  const unit_squares_args *x = (const unit_squares_args *)args;
  const size_t columns = (size_t)x->columns;
  for (size_t unit = (size_t)x->unit0; unit < (size_t)x->unit1; unit++) {
    const unit_rows rows = rows_of_unit(&x->rows, unit);
    const float *from = F32(base, x->matrix) + rows.row * columns;
    const size_t count = rows.count * columns, whole = count / PANEL * PANEL;
    double lanes[PANEL] = {0};
    for (size_t i = 0; i < whole; i += PANEL)
      UNROLL for (int v = 0; v < PV; v++) vsquares(lanes + v * VL, vload(from + i + (size_t)v * VL));
    for (size_t i = whole; i < count; i++) lanes[i - whole] += (double)from[i] * (double)from[i];
    double sum = 0;
    for (int lane = 0; lane < PANEL; lane++) sum += lanes[lane];
    F64(base, x->squares)[unit] = sum;
  }
}
