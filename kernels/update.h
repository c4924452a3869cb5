/*
 * What the kernels of all optimizers have in common. A unit of work is 16 rows of a parameter. Units are independent, so
 * which worker takes which does not matter. done[unit] records the step a unit has been brought to: a task that is
 * repeated after its worker died skips what is finished, and no update is ever applied twice.
 *
 * Before it includes this file, a rule says how many arrays it keeps for each parameter and what it does to a vector:
 *
 *   #define STATES 2                     from 0 to 3
 *   typedef struct {...} rule_settings;  its settings, doubles, in the order in which src/backend/kernels/ lists them
 *   typedef struct {...} rule_vectors;   the same and what follows from them, as vectors
 *   INLINE rule_vectors prepare_rule(const rule_settings *settings, double decay);
 *                                        `decay` is the parameter's weight decay
 *   INLINE vf update_vector(const rule_vectors *s, vf parameter, vf gradient, vf state[STATES]);
 *                                        returns the new parameter, and puts new states in place of the old
 */
#ifndef LOCKSTEP_UPDATE_H
#define LOCKSTEP_UPDATE_H

#include "rows.h"

typedef struct {
  double parameter, states[3]; /* [rows][columns] */
  double gradient;             /* the same, rows `gradient_stride` apart; with `index`: */
  double gradient_stride;      /* panel matrix [ceil(columns / 16)][distinct][16] */
  double index;                /* int32 [rows]: row of the panel matrix that holds this row's gradient, -1 for none; 0: dense */
  double columns;
  row_map rows;
  double decay;    /* weight decay */
  double done;     /* int32 [units] */
  double settings; /* double: common_settings, then those of the rule */
  double scratch;  /* float [16 columns + 16] */
  double dense, dense_stride; /* with `index`: what is added to rows of the panel matrix, like a dense gradient, or 0 */
  double unit0, unit1;
} update_args;

/* Written by the coordinator before every update. */
typedef struct {
  double step, scale, clip_norm, clip_value;
} common_settings;

/* What becomes of an element of the gradient first. */
typedef struct {
  vf scale, least, most;
} scaling;

/*
 * Numbers below the smallest normal one, 2^-126, are none in a state: processors take a hundred times as long over them, and moments of
 * words that do not occur would fall to such and stay there for ever, since 0.9 times the smallest is rounded up again.
 */
#define LEAST_STATE 0x1p-126f

/* What is fetched before it is needed: large models lie in memory. */
#define FLOATS_AHEAD 256

/* The gradient of a unit's rows, one behind the other: where it lies, or copied to the scratch. */
INLINE const float *unit_gradient(char *base, const update_args *x, size_t row, size_t count) {
  const size_t columns = (size_t)x->columns, stride = (size_t)x->gradient_stride;
  const float *gradient = F32(base, x->gradient);
  if (x->index == 0 && stride == columns) return gradient + row * columns;
  float *scratch = F32(base, x->scratch);
  const int32_t *index = x->index == 0 ? 0 : I32(base, x->index) + row;
  for (size_t r = 0; r < count; r++) {
    float *to = scratch + r * columns;
    const float *from = gradient + (index == 0 ? (row + r) * stride : (size_t)(index[r] < 0 ? 0 : index[r]) * PANEL);
    const size_t step = index == 0 ? PANEL : stride;
    const float *dense = x->dense == 0 ? 0 : F32(base, x->dense) + (row + r) * (size_t)x->dense_stride;
    /* The last vectors of a row may reach into the next one, which is written after it. */
    for (size_t c = 0; c < columns; c += PANEL, from += step)
      UNROLL for (int v = 0; v < PV; v++) {
        const vf own = index != 0 && index[r] < 0 ? vzero() : vload(from + v * VL);
        vstore(to + c + v * VL, dense == 0 ? own : vadd(vload(dense + c + v * VL), own));
      }
  }
  return scratch;
}

/* The vector at one place; all arrays begin with parameter, then the states, then the gradient. */
INLINE void update_at(const rule_vectors *s, scaling to, float *const *arrays, size_t at) {
  vf state[STATES + 1];
  UNROLL for (int a = 0; a < STATES; a++) state[a] = vload(arrays[1 + a] + at);
  const vf gradient = vmax(to.least, vmin(to.most, vmul(vload(arrays[1 + STATES] + at), to.scale)));
  const vf parameter = update_vector(s, vload(arrays[0] + at), gradient, state);
  UNROLL for (int a = 0; a < STATES; a++) vstore(arrays[1 + a] + at, vflush(state[a], vset(LEAST_STATE)));
  vstore(arrays[0] + at, parameter);
}

INLINE void update_range(const rule_vectors *s, scaling to, float *const *arrays, size_t count) {
  size_t i = 0;
  for (; i + PANEL <= count; i += PANEL) {
    UNROLL for (int a = 0; a <= STATES; a++) PREFETCH_NEAR(arrays[a] + i + FLOATS_AHEAD);
    UNROLL for (size_t v = 0; v < PANEL; v += VL) update_at(s, to, arrays, i + v);
  }
  for (; i + VL <= count; i += VL) update_at(s, to, arrays, i);
  if (i == count) return;
  float tail[STATES + 2][VL] = {{0}};
  float *tails[STATES + 2];
  UNROLL for (int a = 0; a < STATES + 2; a++) {
    tails[a] = tail[a];
    for (size_t j = i; j < count; j++) tail[a][j - i] = arrays[a][j];
  }
  update_at(s, to, tails, 0);
  UNROLL for (int a = 0; a <= STATES; a++)
    for (size_t j = i; j < count; j++) arrays[a][j] = tail[a][j - i];
}

INLINE void update(char *base, const double *args) {
  const update_args *x = (const update_args *)args;
  const common_settings *common = (const common_settings *)F64(base, x->settings);
  const rule_vectors s = prepare_rule((const rule_settings *)(common + 1), x->decay);
  const float most = (float)common->clip_value;
  const scaling to = {vset((float)common->scale), vset(-most), vset(most)};
  const int32_t step = (int32_t)common->step;
  int32_t *done = I32(base, x->done);
  for (size_t unit = (size_t)x->unit0; unit < (size_t)x->unit1; unit++) {
    if (done[unit] == step) continue;
    const unit_rows rows = rows_of_unit(&x->rows, unit);
    const size_t at = rows.row * (size_t)x->columns;
    float *arrays[STATES + 2];
    arrays[0] = F32(base, x->parameter) + at;
    UNROLL for (int a = 0; a < STATES; a++) arrays[1 + a] = F32(base, x->states[a]) + at;
    arrays[1 + STATES] = (float *)unit_gradient(base, x, rows.row, rows.count);
    update_range(&s, to, arrays, rows.count * (size_t)x->columns);
    done[unit] = step;
  }
}

#endif
