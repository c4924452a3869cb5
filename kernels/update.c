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
  double gradient;                     /* the same, rows `gradient_stride` apart; with `index`: */
  double gradient_stride;              /* panel matrix [ceil(columns / 16)][distinct][16] */
  double index;                        /* int32 [rows]: row of the panel matrix that holds this row's gradient, -1 for none; 0: dense */
  double rows, columns, hidden;        /* hidden: as in weight_gradient.c */
  double done;                         /* int32 [units] */
  double settings;                     /* double [9]: see adam_settings */
  double scratch;                      /* float [16 columns + 16] */
  double unit0, unit1;
} adam_args;

/* Written by the coordinator before every update. */
typedef struct {
  double step, scale, step_size, beta1, beta2, one_minus_beta1, one_minus_beta2, inverse_correction2, epsilon;
} adam_settings;

typedef struct {
  vf scale, step_size, beta1, beta2, one_minus_beta1, one_minus_beta2, correction, epsilon;
} adam_vectors;

/* What Adam fetches before it is needed: large models lie in memory. */
#define FLOATS_AHEAD 256

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
  for (; i + PANEL <= count; i += PANEL) {
    PREFETCH_NEAR(parameter + i + FLOATS_AHEAD);
    PREFETCH_NEAR(moment1 + i + FLOATS_AHEAD);
    PREFETCH_NEAR(moment2 + i + FLOATS_AHEAD);
    UNROLL for (size_t v = 0; v < PANEL; v += VL)
      adam_vector(s, parameter + i + v, moment1 + i + v, moment2 + i + v, gradient + i + v);
  }
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

/* The gradient of a unit's rows, one behind the other: where it lies, or copied to the scratch. */
INLINE const float *unit_gradient(char *base, const adam_args *x, size_t row, size_t count) {
  const size_t columns = (size_t)x->columns, stride = (size_t)x->gradient_stride;
  const float *gradient = F32(base, x->gradient);
  if (x->index == 0 && stride == columns) return gradient + row * columns;
  float *scratch = F32(base, x->scratch);
  const int32_t *index = x->index == 0 ? 0 : I32(base, x->index) + row;
  for (size_t r = 0; r < count; r++) {
    float *to = scratch + r * columns;
    const float *from = gradient + (index == 0 ? (row + r) * stride : (size_t)(index[r] < 0 ? 0 : index[r]) * PANEL);
    const size_t step = index == 0 ? PANEL : stride;
    /* The last vectors of a row may reach into the next one, which is written after it. */
    for (size_t c = 0; c < columns; c += PANEL, from += step)
      UNROLL for (int v = 0; v < PV; v++)
        vstore(to + c + v * VL, index != 0 && index[r] < 0 ? vzero() : vload(from + v * VL));
  }
  return scratch;
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
    adam_range(&s, parameter, moment1, moment2, unit_gradient(base, x, row, count), count * columns);
    done[unit] = step;
  }
}

typedef struct {
  double weight, rows, columns, hidden; /* [rows][columns]; hidden: as in weight_gradient.c */
  double forward, forward_stride;       /* [units][16 ceil(columns / 16)][16]: W^T, right operand of x W^T */
  double backward, backward_stride;     /* [ceil(columns / 16)][16 units][16]: W, right operand of dy W; or 0 */
  double unit0, unit1;
} pack_args;

/* Packed weights go past the caches: those of large models would not stay there until they are read. */
INLINE void stream_row(float *to, const float *from) {
  UNROLL for (int v = 0; v < PV; v++) vstream(to + v * VL, vload(from + v * VL));
}

/* Packs the columns of whole panels for 16 rows; returns how many columns. */
INLINE size_t pack_squares(const float *weight, size_t columns, float *forward, float *backward,
                           size_t backward_stride) {
  size_t column = 0;
  for (; column + PANEL <= columns; column += PANEL) {
    for (int v = 0; v < PV; v++) {
      float lines[VL][PANEL] __attribute__((aligned(64)));
      UNROLL for (int w = 0; w < PV; w++) {
        vf square[VL];
        UNROLL for (int i = 0; i < VL; i++)
          square[i] = vload(weight + (size_t)(w * VL + i) * columns + column + (size_t)(v * VL));
        vtranspose(square);
        UNROLL for (int i = 0; i < VL; i++) vstore(lines[i] + w * VL, square[i]);
      }
      for (int i = 0; i < VL; i++) stream_row(forward + (column + (size_t)(v * VL + i)) * PANEL, lines[i]);
    }
    if (backward != 0)
      for (size_t r = 0; r < PANEL; r++)
        stream_row(backward + column / PANEL * backward_stride + r * PANEL, weight + r * columns + column);
  }
  return column;
}

void KERNEL(pack)(char *base, const double *args) {
  const pack_args *x = (const pack_args *)args;
  const size_t columns = (size_t)x->columns;
  for (size_t unit = (size_t)x->unit0; unit < (size_t)x->unit1; unit++) {
    size_t count;
    const size_t row = first_row(unit, (size_t)x->hidden, (size_t)x->rows, &count);
    const float *weight = F32(base, x->weight) + row * columns;
    float *forward = F32(base, x->forward) + unit * (size_t)x->forward_stride;
    float *backward = x->backward == 0 ? 0 : F32(base, x->backward) + unit * PANEL * PANEL;
    const size_t backward_stride = (size_t)x->backward_stride;
    size_t column = 0;
    if (count == PANEL) column = pack_squares(weight, columns, forward, backward, backward_stride);
    for (; column < columns; column++) {
      for (size_t r = 0; r < count; r++) {
        const float value = weight[r * columns + column];
        forward[column * PANEL + r] = value;
        if (backward != 0) backward[column / PANEL * backward_stride + r * PANEL + column % PANEL] = value;
      }
    }
  }
  STREAM_END();
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
