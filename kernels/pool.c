/*
 * What the tokens of each row come to, column by column: the largest value, the mean, the first or the last token's. A row's
 * tokens lie at places that a list names; sums run over them in the order of the row. Rows without tokens give zeros.
 */
#include "panel.h"

enum pool { POOL_MAX = 0, POOL_MEAN = 1, POOL_FIRST = 2, POOL_LAST = 3 };

typedef struct {
  double in, in_stride, panels; /* [panels][places][16] */
  double row_start, token_places; /* int32 [rows + 1], int32 [tokens]: places of each row's tokens */
  double out, out_stride; /* [panels][rows][16] */
  double chosen; /* int32 [panels][rows][16]: the place that each maximum comes from, -1 for none; or 0 */
  double rows; /* of `chosen` */
  double kind;
  double row0, row1;
} pool_args;

typedef int32_t int_lanes __attribute__((vector_size(4 * VL)));
typedef float float_lanes __attribute__((vector_size(4 * VL)));

INLINE int_lanes choose(int_lanes mask, int_lanes one, int_lanes other) { return (mask & one) | (~mask & other); }

INLINE void pool_max(const float *in, const int32_t *places, size_t count, float *out, int32_t *chosen) {
  const int_lanes none = {0};
  UNROLL for (int v = 0; v < PV; v++) {
    vf best = vload(in + (size_t)places[0] * PANEL + v * VL);
    int_lanes at = none + places[0];
    for (size_t t = 1; t < count; t++) {
      const vf value = vload(in + (size_t)places[t] * PANEL + v * VL);
      const float_lanes a = (float_lanes)value, b = (float_lanes)best;
      /* The first of equal ones stays; a NaN wins. */
      const int_lanes is_more = (int_lanes)(a > b) | (int_lanes)(a != a);
      best = vfrombits((vi)choose(is_more, (int_lanes)vbits(value), (int_lanes)vbits(best)));
      at = choose(is_more, none + places[t], at);
    }
    vstore(out + v * VL, best);
    if (chosen != 0) __builtin_memcpy(chosen + v * VL, &at, sizeof at);
  }
}

INLINE void pool_mean(const float *in, const int32_t *places, size_t count, float *out) {
  vf sum[PV];
  UNROLL for (int v = 0; v < PV; v++) sum[v] = vzero();
  for (size_t t = 0; t < count; t++) {
    const float *value = in + (size_t)places[t] * PANEL;
    UNROLL for (int v = 0; v < PV; v++) sum[v] = vadd(sum[v], vload(value + v * VL));
  }
  UNROLL for (int v = 0; v < PV; v++) vstore(out + v * VL, vdiv(sum[v], vset((float)count)));
}

void KERNEL(pool)(char *base, const double *args) {
  const pool_args *x = (const pool_args *)args;
  const int32_t *row_start = I32(base, x->row_start), *token_places = I32(base, x->token_places);
  const int kind = (int)x->kind;
  for (size_t panel = 0; panel < (size_t)x->panels; panel++) {
    const float *in = F32(base, x->in) + panel * (size_t)x->in_stride;
    for (size_t row = (size_t)x->row0; row < (size_t)x->row1; row++) {
      float *out = F32(base, x->out) + panel * (size_t)x->out_stride + row * PANEL;
      int32_t *chosen = x->chosen == 0 ? 0 : I32(base, x->chosen) + (panel * (size_t)x->rows + row) * PANEL;
      const int32_t *places = token_places + row_start[row];
      const size_t count = (size_t)(row_start[row + 1] - row_start[row]);
      if (count == 0) {
        for (int i = 0; i < PANEL; i++) out[i] = 0.0f;
        for (int i = 0; chosen != 0 && i < PANEL; i++) chosen[i] = -1;
      } else if (kind == POOL_MAX) {
        pool_max(in, places, count, out, chosen);
      } else if (kind == POOL_MEAN) {
        pool_mean(in, places, count, out);
      } else {
        const float *value = in + (size_t)places[kind == POOL_FIRST ? 0 : count - 1] * PANEL;
        for (int i = 0; i < PANEL; i++) out[i] = value[i];
      }
    }
  }
}

typedef struct {
  double d_out, d_out_stride, panels; /* [panels][rows][16] */
  double row_start, token_places;
  double d_in, d_in_stride; /* [panels][places][16] */
  double chosen, rows;      /* see pool_args */
  double kind;
  double adds; /* whether gradients are added to what is there */
  double row0, row1;
} unpool_args;

INLINE void unpool_row(const int kind, const int adds, float *d_in, const float *d_out, const int32_t *chosen,
                       const int32_t *places, size_t count, size_t only) {
  const int_lanes none = {0};
  vf share[PV];
  int_lanes at[PV];
  UNROLL for (int v = 0; v < PV; v++) {
    share[v] = vload(d_out + v * VL);
    if (kind == POOL_MEAN) share[v] = vdiv(share[v], vset((float)count));
    if (kind == POOL_MAX) __builtin_memcpy(&at[v], chosen + v * VL, sizeof at[v]);
  }
  for (size_t t = 0; t < count; t++)
    UNROLL for (int v = 0; v < PV; v++) {
      float *to = d_in + (size_t)places[t] * PANEL + v * VL;
      vf own = share[v];
      if (kind == POOL_MAX) {
        const int_lanes is_own = (int_lanes)(at[v] == none + places[t]);
        own = vfrombits((vi)choose(is_own, (int_lanes)vbits(own), none));
      } else if (kind != POOL_MEAN && t != only) {
        own = vzero();
      }
      vstore(to, adds ? vadd(vload(to), own) : own);
    }
}

INLINE void unpool_rows(const int kind, const int adds, char *base, const unpool_args *x) {
  const int32_t *row_start = I32(base, x->row_start), *token_places = I32(base, x->token_places);
  for (size_t panel = 0; panel < (size_t)x->panels; panel++) {
    float *d_in = F32(base, x->d_in) + panel * (size_t)x->d_in_stride;
    for (size_t row = (size_t)x->row0; row < (size_t)x->row1; row++) {
      const float *d_out = F32(base, x->d_out) + panel * (size_t)x->d_out_stride + row * PANEL;
      const int32_t *places = token_places + row_start[row];
      const int32_t *chosen = kind == POOL_MAX ? I32(base, x->chosen) + (panel * (size_t)x->rows + row) * PANEL : 0;
      const size_t count = (size_t)(row_start[row + 1] - row_start[row]);
      unpool_row(kind, adds, d_in, d_out, chosen, places, count, (int)x->kind == POOL_FIRST ? 0 : count - 1);
    }
  }
}

/* What the gradient of a row's result is at each of its tokens. */
void KERNEL(unpool)(char *base, const double *args) {
  const unpool_args *x = (const unpool_args *)args;
  const int adds = x->adds != 0;
  switch ((int)x->kind) {
    case POOL_MAX:
      if (adds) unpool_rows(POOL_MAX, 1, base, x);
      else unpool_rows(POOL_MAX, 0, base, x);
      break;
    case POOL_MEAN:
      if (adds) unpool_rows(POOL_MEAN, 1, base, x);
      else unpool_rows(POOL_MEAN, 0, base, x);
      break;
    default:
      if (adds) unpool_rows(POOL_LAST, 1, base, x);
      else unpool_rows(POOL_LAST, 0, base, x);
  }
}
