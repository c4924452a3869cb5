/* What a convolution sees from each place (see windows.h), and what rows carry of it from batch to batch. */
#include "windows.h"

typedef struct {
  double previous, following; /* int32 [tokens]: place of the token before and behind each one */
  double numbers;             /* int32 [places]: each place's number in these lists */
  double places;              /* a place from here on is a row's beginning, or its end */
  double carried_rows;        /* of the batch, where rows carry inputs; else 0 */
  double most;                /* how many tokens are looked for before a place, and behind it */
  double sources, reach;      /* int32 [2 most + 1][stride]: see windows.h; how far places see tokens one behind the other */
  double stride;
  double row0, row1;
} neighbours_args;

/* Whether what two neighbouring places see lies one behind the other. */
INLINE int goes_on(int32_t one, int32_t next, int32_t places, int32_t carried_rows) {
  if (one < 0 || next < 0) return one == next;
  return next == one + 1 && (next < places || (next - places) % carried_rows != 0);
}

/* Looks up what stands around places [row0, row1). */
void KERNEL(neighbours)(char *base, const double *args) {
  const neighbours_args *x = (const neighbours_args *)args;
  const int32_t *previous = I32(base, x->previous), *following = I32(base, x->following);
  const int32_t *numbers = I32(base, x->numbers);
  const int32_t places = (int32_t)x->places, carried_rows = (int32_t)x->carried_rows;
  const ptrdiff_t most = (ptrdiff_t)x->most, stride = (ptrdiff_t)x->stride;
  const ptrdiff_t row0 = (ptrdiff_t)x->row0, row1 = (ptrdiff_t)x->row1;
  int32_t *own = I32(base, x->sources) + most * stride;
  for (ptrdiff_t row = row0; row < row1; row++) {
    int32_t before = (int32_t)row, behind = before;
    own[row] = before;
    for (ptrdiff_t distance = 1; distance <= most; distance++) {
      if (before >= places) before += carried_rows;
      else if (before >= 0) before = previous[numbers[before]];
      if (before >= places && carried_rows == 0) before = -1;
      if (behind >= 0) behind = following[numbers[behind]];
      if (behind >= places) behind = -1;
      own[row - distance * stride] = before;
      own[row + distance * stride] = behind;
    }
  }
  for (ptrdiff_t list = 0; list <= 2 * most; list++) {
    const int32_t *sources = I32(base, x->sources) + list * stride;
    int32_t *reach = I32(base, x->reach) + list * stride;
    for (ptrdiff_t row = row1 - 1; row >= row0; row--) {
      const int on = row + 1 < row1 && goes_on(sources[row], sources[row + 1], places, carried_rows);
      reach[row] = on ? reach[row + 1] + 1 : 1;
    }
  }
}

typedef struct {
  double in, in_stride, panels;   /* [panels][places][16] */
  double row_start, token_places; /* int32 [rows + 1], int32 [tokens]: places of each row's tokens */
  double before, stride;          /* [depth x panels][rows][16]: inputs before the batch, the latest of each row first */
  double after, depth;            /* the same behind it; how many inputs that is */
  double row0, row1;
} carry_inputs_args;

/* What rows [row0, row1) carry on: their last inputs, and of what they have carried what is needed still. */
void KERNEL(carry_inputs)(char *base, const double *args) {
  const carry_inputs_args *x = (const carry_inputs_args *)args;
  const int32_t *row_start = I32(base, x->row_start), *token_places = I32(base, x->token_places);
  const size_t panels = (size_t)x->panels, stride = (size_t)x->stride;
  for (size_t row = (size_t)x->row0; row < (size_t)x->row1; row++) {
    const size_t tokens = (size_t)(row_start[row + 1] - row_start[row]);
    for (size_t depth = 0; depth < (size_t)x->depth; depth++)
      for (size_t panel = 0; panel < panels; panel++) {
        const float *from = depth < tokens
            ? F32(base, x->in) + panel * (size_t)x->in_stride +
                  (size_t)token_places[(size_t)row_start[row] + tokens - 1 - depth] * PANEL
            : F32(base, x->before) + ((depth - tokens) * panels + panel) * stride + row * PANEL;
        float *to = F32(base, x->after) + (depth * panels + panel) * stride + row * PANEL;
        UNROLL for (int v = 0; v < PV; v++) vstore(to + v * VL, vload(from + v * VL));
      }
  }
}
