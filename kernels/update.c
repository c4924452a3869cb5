/*
 * The optimizer, and the packing of the weights it has changed into the panels that products read.
 *
 * A unit of work is 16 rows of a parameter (one panel of outputs). Units are independent, so which worker
 * takes which does not matter. done[unit] records the step a unit has been brought to: a task that is
 * repeated after its worker died skips what is finished, and no update is ever applied twice.
 */
#include "panel.h"

typedef struct {
  double parameter, moment1, moment2;  /* [rows][columns] */
  double gradient;                     /* the same, or with `index`: panel matrix [ceil(columns / 16)][distinct][16] */
  double gradient_stride;
  double index;                        /* int32 [rows]: row of the panel matrix that holds this row's gradient, -1 for none; 0: dense */
  double rows, columns, hidden;        /* hidden: as in weight_gradient.c */
  double done;                         /* int32 [units] */
  double settings;                     /* double [8]: see adam_settings */
  double scratch;                      /* float [columns], for sparse rows */
  double unit0, unit1;
} adam_args;

/* Written by the coordinator before every update. */
typedef struct {
  double step, scale, step_size, beta1, beta2, one_minus_beta1, one_minus_beta2, inverse_correction2, epsilon;
} adam_settings;

typedef struct {
  vf scale, step_size, beta1, beta2, one_minus_beta1, one_minus_beta2, correction, epsilon;
} adam_vectors;

/* Kingma & Ba 2015, in PyTorch's order of operations. */
INLINE void adam_vector(const adam_vectors *s, float *parameter, float *moment1, float *moment2, const float *gradient) {
  const vf g = vmul(vload(gradient), s->scale);
  const vf m = vfma(s->one_minus_beta1, g, vmul(s->beta1, vload(moment1)));
  const vf v = vfma(vmul(s->one_minus_beta2, g), g, vmul(s->beta2, vload(moment2)));
  const vf denominator = vfma(vsqrt(v), s->correction, s->epsilon);
  vstore(moment1, m);
  vstore(moment2, v);
  vstore(parameter, vfnma(s->step_size, vdiv(m, denominator), vload(parameter)));
}

INLINE void adam_range(const adam_vectors *s, float *parameter, float *moment1, float *moment2, const float *gradient,
                       size_t count) {
  size_t i = 0;
  for (; i + VL <= count; i += VL) adam_vector(s, parameter + i, moment1 + i, moment2 + i, gradient + i);
  if (i == count) return;
  float tail[4][VL] = {{0}};
  for (size_t j = i; j < count; j++) {
    tail[0][j - i] = parameter[j];
    tail[1][j - i] = moment1[j];
    tail[2][j - i] = moment2[j];
    tail[3][j - i] = gradient[j];
  }
  adam_vector(s, tail[0], tail[1], tail[2], tail[3]);
  for (size_t j = i; j < count; j++) {
    parameter[j] = tail[0][j - i];
    moment1[j] = tail[1][j - i];
    moment2[j] = tail[2][j - i];
  }
}

INLINE size_t first_row(size_t unit, size_t hidden, size_t rows, size_t *count) {
  if (hidden == 0) {
    *count = min_size(PANEL, rows - unit * PANEL);
    return unit * PANEL;
  }
  const size_t start = unit / 4 * PANEL;
  *count = min_size(PANEL, hidden - start);
  return unit % 4 * hidden + start;
}

void KERNEL(adam)(char *base, const double *args) {
  const adam_args *x = (const adam_args *)args;
  const adam_settings *settings = (const adam_settings *)F64(base, x->settings);
  const adam_vectors s = {
      vset((float)settings->scale),           vset((float)settings->step_size),
      vset((float)settings->beta1),           vset((float)settings->beta2),
      vset((float)settings->one_minus_beta1), vset((float)settings->one_minus_beta2),
      vset((float)settings->inverse_correction2),
      vset((float)settings->epsilon),
  };
  const int32_t step = (int32_t)settings->step;
  const size_t columns = (size_t)x->columns, hidden = (size_t)x->hidden;
  int32_t *done = I32(base, x->done);
  for (size_t unit = (size_t)x->unit0; unit < (size_t)x->unit1; unit++) {
    if (done[unit] == step) continue;
    size_t count;
    const size_t row = first_row(unit, hidden, (size_t)x->rows, &count), at = row * columns;
    float *parameter = F32(base, x->parameter) + at;
    float *moment1 = F32(base, x->moment1) + at, *moment2 = F32(base, x->moment2) + at;
    if (x->index == 0) {
      adam_range(&s, parameter, moment1, moment2, F32(base, x->gradient) + at, count * columns);
    } else {
      float *gradient = F32(base, x->scratch);
      for (size_t r = 0; r < count; r++) {
        const int32_t source = I32(base, x->index)[row + r];
        for (size_t c = 0; c < columns; c++)
          gradient[c] = source < 0 ? 0.0f
                                   : (F32(base, x->gradient) + c / PANEL * (size_t)x->gradient_stride)[(size_t)source * PANEL + c % PANEL];
        adam_range(&s, parameter + r * columns, moment1 + r * columns, moment2 + r * columns, gradient, columns);
      }
    }
    done[unit] = step;
  }
}

typedef struct {
  double weight, rows, columns, hidden; /* [rows][columns]; hidden: as in weight_gradient.c */
  double forward, forward_stride;       /* [units][16 ceil(columns / 16)][16]: W^T, right operand of x W^T */
  double backward, backward_stride;     /* [ceil(columns / 16)][16 units][16]: W, right operand of dy W; or 0 */
  double unit0, unit1;
} pack_args;

void KERNEL(pack)(char *base, const double *args) {
  const pack_args *x = (const pack_args *)args;
  const size_t columns = (size_t)x->columns;
  for (size_t unit = (size_t)x->unit0; unit < (size_t)x->unit1; unit++) {
    size_t count;
    const size_t row = first_row(unit, (size_t)x->hidden, (size_t)x->rows, &count);
    const float *weight = F32(base, x->weight) + row * columns;
    float *to = F32(base, x->forward) + unit * (size_t)x->forward_stride;
    for (size_t c = 0; c < columns; c++)
      for (size_t r = 0; r < PANEL; r++) to[c * PANEL + r] = r < count ? weight[r * columns + c] : 0.0f;
    if (x->backward != 0) {
      for (size_t c0 = 0; c0 < columns; c0 += PANEL) {
        float *panel = F32(base, x->backward) + c0 / PANEL * (size_t)x->backward_stride + unit * PANEL * PANEL;
        const size_t n = min_size(PANEL, columns - c0);
        for (size_t r = 0; r < count; r++)
          for (size_t c = 0; c < n; c++) panel[r * PANEL + c] = weight[r * columns + c0 + c];
      }
    }
  }
}

typedef struct {
  double first, second;      /* [rows], and a second bias to add or 0 */
  double rows, hidden, out;  /* [units][16], in panel order */
  double unit0, unit1;
} pack_bias_args;

void KERNEL(pack_bias)(char *base, const double *args) {
  const pack_bias_args *x = (const pack_bias_args *)args;
  for (size_t unit = (size_t)x->unit0; unit < (size_t)x->unit1; unit++) {
    size_t count;
    const size_t row = first_row(unit, (size_t)x->hidden, (size_t)x->rows, &count);
    for (size_t r = 0; r < count; r++)
      F32(base, x->out)[unit * PANEL + r] =
          F32(base, x->first)[row + r] + (x->second == 0 ? 0.0f : F32(base, x->second)[row + r]);
  }
}
