/*
 * Convolution along the tokens of a row as one product: the windows of an input are its rows shifted by each tap, side by side,
 * zeros where a row has no such token. Taps follow each other in whole panels, so that a window is copied by cache lines, and
 * a narrower convolution reads the inner taps of a wider one's windows.
 *
 * PyTorch has the weights of a tap apart from each other, [channels][inputs][taps]; the two kernels at the end go to and fro.
 */
#include "rows.h"

/* Rows whose neighbours are looked up together, and how many taps there may be. */
#define BLOCK 32
#define MOST_TAPS 32

typedef struct {
  double previous, following; /* int32 [tokens]: place of the token before and behind each one; following may be 0 */
  double numbers;             /* int32 [places]: each place's number in these lists */
  double places;              /* a place from here on is none */
  double before, taps;        /* taps before the token itself, and in all */
} neighbourhood;

/* Tokens before the first of a row, which the row carries from the batch before: their inputs, the nearest one first. */
typedef struct {
  double inputs, stride; /* [before x panels][rows][16], or 0: there are zeros */
  double rows;
} carried_inputs;

typedef struct {
  double in, in_stride, panels; /* [panels][places][16] */
  double out, out_stride;       /* [taps x panels][places][16] */
  neighbourhood near;
  carried_inputs carried;
  double row0, row1;
} windows_args;

/*
 * Place of each row's token at each tap, -1 for none; -2 and below for those that a row of the batch carries, counted one behind the
 * other, if there may be such.
 */
INLINE void look_up(char *base, const neighbourhood *x, int32_t carried_rows, size_t row, size_t rows,
                    int32_t found[MOST_TAPS][BLOCK]) {
  const int32_t *numbers = I32(base, x->numbers), places = (int32_t)x->places;
  const int before = (int)x->before, taps = (int)x->taps;
  for (size_t r = 0; r < rows; r++) {
    int32_t at = (int32_t)(row + r);
    found[before][r] = at;
    for (int tap = before - 1; tap >= 0; tap--) {
      if (at >= 0) at = I32(base, x->previous)[numbers[at]];
      else if (at < -1) at -= carried_rows;
      if (at >= places) at = carried_rows > 0 ? places - 2 - at : -1;
      found[tap][r] = at;
    }
    at = (int32_t)(row + r);
    for (int tap = before + 1; tap < taps; tap++) {
      if (at >= 0) at = I32(base, x->following)[numbers[at]];
      if (at >= places) at = -1;
      found[tap][r] = at;
    }
  }
}

void KERNEL(windows)(char *base, const double *args) {
  const windows_args *x = (const windows_args *)args;
  const size_t panels = (size_t)x->panels, taps = (size_t)x->near.taps, row1 = (size_t)x->row1;
  const size_t carried_rows = x->carried.inputs == 0 ? 0 : (size_t)x->carried.rows;
  int32_t found[MOST_TAPS][BLOCK];
  for (size_t row = (size_t)x->row0; row < row1; row += BLOCK) {
    const size_t rows = min_size(BLOCK, row1 - row);
    look_up(base, &x->near, (int32_t)carried_rows, row, rows, found);
    for (size_t tap = 0; tap < taps; tap++)
      for (size_t panel = 0; panel < panels; panel++) {
        const float *in = F32(base, x->in) + panel * (size_t)x->in_stride;
        float *out = F32(base, x->out) + (tap * panels + panel) * (size_t)x->out_stride + row * PANEL;
        for (size_t r = 0; r < rows; r++) {
          const int32_t from = found[tap][r];
          const float *source = in + (size_t)from * PANEL;
          if (from < -1) {
            const size_t number = (size_t)(-2 - from), depth = number / carried_rows;
            source = F32(base, x->carried.inputs) + (depth * panels + panel) * (size_t)x->carried.stride +
                     number % carried_rows * PANEL;
          }
          UNROLL for (int v = 0; v < PV; v++)
            vstore(out + r * PANEL + v * VL, from == -1 ? vzero() : vload(source + v * VL));
        }
      }
  }
}

typedef struct {
  double in, in_stride, panels;   /* [panels][places][16] */
  double row_start, token_places; /* int32 [rows + 1], int32 [tokens]: places of each row's tokens */
  carried_inputs before;
  double after, depth;            /* like what is carried before the batch; how many inputs that is */
  double row0, row1;
} carry_inputs_args;

/* What rows [row0, row1) carry on: their last inputs, and of what they have carried what is needed still. */
void KERNEL(carry_inputs)(char *base, const double *args) {
  const carry_inputs_args *x = (const carry_inputs_args *)args;
  const int32_t *row_start = I32(base, x->row_start), *token_places = I32(base, x->token_places);
  const size_t panels = (size_t)x->panels, stride = (size_t)x->before.stride;
  for (size_t row = (size_t)x->row0; row < (size_t)x->row1; row++) {
    const size_t tokens = (size_t)(row_start[row + 1] - row_start[row]);
    for (size_t depth = 0; depth < (size_t)x->depth; depth++)
      for (size_t panel = 0; panel < panels; panel++) {
        const float *from = depth < tokens
            ? F32(base, x->in) + panel * (size_t)x->in_stride +
                  (size_t)token_places[(size_t)row_start[row] + tokens - 1 - depth] * PANEL
            : F32(base, x->before.inputs) + ((depth - tokens) * panels + panel) * stride + row * PANEL;
        float *to = F32(base, x->after) + (depth * panels + panel) * stride + row * PANEL;
        UNROLL for (int v = 0; v < PV; v++) vstore(to + v * VL, vload(from + v * VL));
      }
  }
}

typedef struct {
  double d_windows, d_windows_stride; /* [taps x panels][places][16] */
  double d_in, d_in_stride, panels;   /* [panels][places][16] */
  double adds;                        /* whether they are added to what is there */
  neighbourhood near;                 /* of the windows, seen from the other end: taps before the token are those behind it */
  double row0, row1;
} window_sum_args;

/* Gradient of the input: the sum over all windows that a token stands in, tap after tap. */
void KERNEL(window_sum)(char *base, const double *args) {
  const window_sum_args *x = (const window_sum_args *)args;
  const size_t panels = (size_t)x->panels, taps = (size_t)x->near.taps, row1 = (size_t)x->row1;
  const int adds = x->adds != 0;
  int32_t found[MOST_TAPS][BLOCK];
  for (size_t row = (size_t)x->row0; row < row1; row += BLOCK) {
    const size_t rows = min_size(BLOCK, row1 - row);
    look_up(base, &x->near, 0, row, rows, found);
    for (size_t panel = 0; panel < panels; panel++) {
      float *d_in = F32(base, x->d_in) + panel * (size_t)x->d_in_stride + row * PANEL;
      for (size_t r = 0; r < rows; r++) {
        vf sum[PV];
        UNROLL for (int v = 0; v < PV; v++) sum[v] = adds ? vload(d_in + r * PANEL + v * VL) : vzero();
        for (size_t tap = 0; tap < taps; tap++) {
          const int32_t from = found[taps - 1 - tap][r];
          if (from < 0) continue;
          const float *d = F32(base, x->d_windows) + (tap * panels + panel) * (size_t)x->d_windows_stride;
          UNROLL for (int v = 0; v < PV; v++) sum[v] = vadd(sum[v], vload(d + (size_t)from * PANEL + v * VL));
        }
        UNROLL for (int v = 0; v < PV; v++) vstore(d_in + r * PANEL + v * VL, sum[v]);
      }
    }
  }
}

typedef struct {
  double weight, weight_columns; /* [channels][weight_columns]: inputs x taps, and what fills up a gradient's last panel */
  double tapped;                 /* [channels][taps][16 ceil(inputs / 16)] */
  double channels, inputs, taps;
  double unit0, unit1; /* of 16 channels */
} taps_args;

INLINE void move_taps(char *base, const double *args, const int apart) {
  const taps_args *x = (const taps_args *)args;
  const size_t inputs = (size_t)x->inputs, taps = (size_t)x->taps;
  const size_t padded = (inputs + PANEL - 1) / PANEL * PANEL;
  const size_t end = min_size((size_t)x->channels, (size_t)x->unit1 * PANEL);
  for (size_t channel = (size_t)x->unit0 * PANEL; channel < end; channel++) {
    float *weight = F32(base, x->weight) + channel * (size_t)x->weight_columns;
    float *tapped = F32(base, x->tapped) + channel * taps * padded;
    for (size_t tap = 0; tap < taps; tap++) {
      for (size_t i = 0; i < inputs; i++) {
        if (apart) tapped[tap * padded + i] = weight[i * taps + tap];
        else weight[i * taps + tap] = tapped[tap * padded + i];
      }
      for (size_t i = inputs; apart && i < padded; i++) tapped[tap * padded + i] = 0.0f;
    }
  }
}

void KERNEL(part_taps)(char *base, const double *args) { move_taps(base, args, 1); }
void KERNEL(join_taps)(char *base, const double *args) { move_taps(base, args, 0); }
