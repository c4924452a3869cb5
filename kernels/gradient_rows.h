/*
 * What finds the rows of a weight gradient's operands: the k-th token's row of dY, and of X the one with the same number, with that
 * of an order, or what a tap of a convolution sees (windows.h). Rows that lie one behind the other are a run: within it nothing is looked up.
 */
#ifndef LOCKSTEP_GRADIENT_ROWS_H
#define LOCKSTEP_GRADIENT_ROWS_H

#include "rows.h"
#include "windows.h"

/* Tiles of GRADIENT_ROWS rows of dW by GRADIENT_VECTORS vectors of its columns fill the registers. */
#if VL == 16 || defined(__aarch64__)
#define GRADIENT_ROWS 8
#define GRADIENT_VECTORS 3
#elif VL == 8
#define GRADIENT_ROWS 4
#define GRADIENT_VECTORS 3
#else
#define GRADIENT_ROWS 4
#define GRADIENT_VECTORS 2
#endif

typedef struct {
  double d_output, d_output_stride; /* [panels][tokens][16] */
  double input, input_stride;       /* [ceil(columns / 16)][tokens][16] */
  double order_output, order_input; /* int32 [k]: row of the k-th token in each; 0: the k-th row */
  double runs;                      /* int32 [k]: how many tokens from the k-th on lie one behind the other in both */
  double segments, segment_count;   /* int32 [segment_count + 1]: first k of each segment; a power of two of them */
  row_map rows;                     /* which panels of dY the rows of dW belong to */
  double columns;                   /* of dW, padded to a multiple of 16 */
  double out;                       /* [rows][columns], row-major, rows on cache lines */
  double bias_out;                  /* [rows] sum of dY, or 0 */
  double bias_copies;               /* how many bias vectors have this gradient (for the norm) */
  double squares;                   /* double [units]: sum of squares of each unit's rows */
  double scratch;                   /* float [12][32][48], double [32][16] */
  windows windows;                  /* of `input`, by the places of order_input; no sources: X is `input` itself */
  double unit0, unit1;
} gradient_args;

/* A group of columns of X: its first vector within the input, and the tap that sees it. */
typedef struct {
  size_t vector, tap;
} column_group;

/* One tile's operands: a panel of dY from its first row on, vectors of X, and what to fetch for later. */
typedef struct {
  const float *output, *input[GRADIENT_VECTORS], *ahead;
  const int32_t *order_output, *order_input, *order_ahead, *runs;
  /* Of windows: */
  char *base;
  const windows *windows;
  const int32_t *sources, *reach;
  int32_t places;
  int vector;
} tile_operands;

/* How the rows of a tile's operands are found: by their number, by an order of each, or by what a tap sees. */
enum lookup { PLAIN, ORDERED, SEEN };

INLINE enum lookup lookup_of(const gradient_args *x) {
  if (x->windows.sources != 0) return SEEN;
  return x->order_output != 0 || x->order_input != 0 ? ORDERED : PLAIN;
}

INLINE size_t taps_of(const gradient_args *x) { return x->windows.sources == 0 ? 1 : (size_t)x->windows.taps; }

INLINE const float *input_vector(char *base, const gradient_args *x, size_t vector) {
  return F32(base, x->input) + vector / PV * (size_t)x->input_stride + vector % PV * VL;
}

/* A tile's operands but for what it fetches: `output` its panel of dY from its first row on, `width` vectors of X. */
INLINE tile_operands tile_of(const int width, char *base, const gradient_args *x, column_group group, const float *output) {
  tile_operands operands = {
      .output = output,
      .order_output = x->order_output == 0 ? 0 : I32(base, x->order_output),
      .order_input = x->order_input == 0 ? 0 : I32(base, x->order_input),
      .runs = x->runs == 0 ? 0 : I32(base, x->runs),
  };
  for (int j = 0; j < width; j++) operands.input[j] = input_vector(base, x, group.vector + (size_t)j);
  if (lookup_of(x) == SEEN) {
    operands.base = base;
    operands.windows = &x->windows;
    operands.vector = (int)group.vector;
    operands.places = (int32_t)x->windows.places;
    operands.sources = list_of(base, &x->windows, x->windows.sources, group.tap);
    operands.reach = list_of(base, &x->windows, x->windows.reach, group.tap);
  }
  return operands;
}

/* The first of some rows that lie one behind the other, and the token behind the last of them. */
typedef struct {
  const float *output, *ahead, *input[GRADIENT_VECTORS];
  int32_t end;
} row_run;

/* Those from the k-th token on, at most up to k1. @returns whether there is something to add of them */
INLINE int find_run(const int vectors, const enum lookup lookup, const tile_operands *x, int32_t k, int32_t k1, row_run *run) {
  size_t left = (size_t)k, right = left, later = left;
  run->end = k1;
  if (lookup != PLAIN) {
    if (x->order_output) left = (size_t)x->order_output[k];
    if (x->order_input) right = (size_t)x->order_input[k];
    if (x->order_ahead) later = (size_t)x->order_ahead[k];
    if (k1 - k > x->runs[k]) run->end = k + x->runs[k];
  }
  run->output = x->output + left * PANEL;
  run->ahead = x->ahead + later * PANEL;
  int32_t source = 0;
  if (lookup == SEEN) {
    if (run->end - k > x->reach[right]) run->end = k + x->reach[right];
    source = x->sources[right];
    if (source < 0) return 0;
    right = (size_t)source;
  }
  if (lookup == SEEN && source >= x->places) {
    const sight seen = see(x->base, x->windows, source);
    UNROLL for (int j = 0; j < vectors; j++) run->input[j] = seen.columns + vector_offset(x->vector + j, seen.step);
  } else {
    UNROLL for (int j = 0; j < vectors; j++) run->input[j] = x->input[j] + right * PANEL;
  }
  return 1;
}

#endif
