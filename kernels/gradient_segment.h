/*
 * The inner loop of weight gradients: a tile of GRADIENT_ROWS x GRADIENT_VECTORS accumulators that stays in the registers while it walks
 * over the tokens of a segment, and what becomes of it in the shards' tree.
 */
#ifndef LOCKSTEP_GRADIENT_SEGMENT_H
#define LOCKSTEP_GRADIENT_SEGMENT_H

#include "windows.h"

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
/* Rows of dY that are fetched into the first-level cache before they are needed. */
#define ROWS_AHEAD 16
/* Levels of the tree and one for its result: at most 1024 segments. One more holds a segment's sum so far. */
#define MAX_LEVELS 12

/* One tile's operands: a panel of dY from its first row on, vectors of X, and what to fetch for later. */
typedef struct {
  const float *output, *input[GRADIENT_VECTORS], *ahead;
  const int32_t *order_output, *order_input, *order_ahead, *runs;
  int32_t ahead_by, last_token; /* how many tokens further on that lies, up to the last one */
  /* Of windows: */
  char *base;
  const windows *windows;
  const int32_t *sources, *reach;
  int32_t places;
  int vector;
} tile_operands;

/* How the rows of a tile's operands are found: by their number, by an order of each, or by what a tap sees. */
enum lookup { PLAIN, ORDERED, SEEN };

#define TILE_FLOATS (GRADIENT_ROWS * GRADIENT_VECTORS * VL)

/* Tokens [k0, k1) of a segment, or of a piece of one: a long segment is summed over several chunks. */
typedef struct {
  int32_t k0, k1;
  size_t segment;
  int begins, ends;
} piece;

/*
 * Sums a piece of a segment for a tile. At the segment's end the pending sums of its left neighbours are added, as
 * a binary counter carries: the result lands in the first free level, or for the last segment in the level behind
 * the last one added. Before it, the sum so far lands in the last level.
 */
INLINE float *sum_segment(const int vectors, const enum lookup lookup, const tile_operands *x, const piece *p,
                          float *pending) {
  vf acc[GRADIENT_ROWS][GRADIENT_VECTORS];
  float *so_far = pending + (MAX_LEVELS - 1) * TILE_FLOATS;
  if (p->begins) {
    UNROLL for (int i = 0; i < GRADIENT_ROWS; i++)
      UNROLL for (int j = 0; j < vectors; j++) acc[i][j] = vzero();
  } else {
    UNROLL for (int i = 0; i < GRADIENT_ROWS; i++)
      UNROLL for (int j = 0; j < vectors; j++) acc[i][j] = vload(so_far + (i * GRADIENT_VECTORS + j) * VL);
  }
  for (int32_t k = p->k0, end; k < p->k1; k = end) {
    const float *output = x->output, *ahead = x->ahead, *input[GRADIENT_VECTORS];
    const int32_t further = k + x->ahead_by;
    size_t left = (size_t)k, right = left, later = (size_t)(further < x->last_token ? further : x->last_token);
    end = p->k1;
    if (lookup != PLAIN) {
      if (x->order_output) left = (size_t)x->order_output[k];
      if (x->order_input) right = (size_t)x->order_input[k];
      if (x->order_ahead) later = (size_t)x->order_ahead[later];
      if (end - k > x->runs[k]) end = k + x->runs[k];
    }
    output += left * PANEL;
    ahead += later * PANEL;
    int32_t source = 0;
    if (lookup == SEEN) {
      if (end - k > x->reach[right]) end = k + x->reach[right];
      source = x->sources[right];
      if (source < 0) continue;
      right = (size_t)source;
    }
    if (lookup == SEEN && source >= x->places) {
      const sight seen = see(x->base, x->windows, source);
      UNROLL for (int j = 0; j < vectors; j++) input[j] = seen.columns + vector_offset(x->vector + j, seen.step);
    } else {
      UNROLL for (int j = 0; j < vectors; j++) input[j] = x->input[j] + right * PANEL;
    }
    /* No index is looked up in here: address arithmetic would compete with the multiply-adds for their ports. */
    for (size_t at = 0; at < (size_t)(end - k) * PANEL; at += PANEL) {
      PREFETCH(ahead + at);
      PREFETCH_NEAR(output + at + ROWS_AHEAD * PANEL);
      vf column[GRADIENT_VECTORS];
      UNROLL for (int j = 0; j < vectors; j++) column[j] = vload(input[j] + at);
      UNROLL for (int i = 0; i < GRADIENT_ROWS; i++) {
        const vf scale = vset(output[at + (size_t)i]);
        UNROLL for (int j = 0; j < vectors; j++) acc[i][j] = vfma(scale, column[j], acc[i][j]);
      }
    }
  }
  if (!p->ends) pending = so_far;
  for (size_t carry = p->ends ? p->segment : 0; carry & 1; carry >>= 1) {
    UNROLL for (int i = 0; i < GRADIENT_ROWS; i++)
      UNROLL for (int j = 0; j < vectors; j++)
        acc[i][j] = vadd(vload(pending + (i * GRADIENT_VECTORS + j) * VL), acc[i][j]);
    pending += TILE_FLOATS;
  }
  UNROLL for (int i = 0; i < GRADIENT_ROWS; i++)
    UNROLL for (int j = 0; j < vectors; j++) vstore(pending + (i * GRADIENT_VECTORS + j) * VL, acc[i][j]);
  return pending;
}

/* Functions of their own: inlined into their caller, the compiler would run out of registers for the sums. */
#define SEGMENT_FUNCTION(vectors, lookup)                                                                     \
  static __attribute__((noinline)) float *sum_segment_##vectors##_##lookup(const tile_operands *x,            \
                                                                           const piece *p, float *pending) {  \
    return sum_segment(vectors, lookup, x, p, pending);                                                       \
  }
#define SEGMENT_FUNCTIONS(vectors)  \
  SEGMENT_FUNCTION(vectors, PLAIN)   \
  SEGMENT_FUNCTION(vectors, ORDERED) \
  SEGMENT_FUNCTION(vectors, SEEN)
SEGMENT_FUNCTIONS(1)
SEGMENT_FUNCTIONS(2)
#if GRADIENT_VECTORS > 2
SEGMENT_FUNCTIONS(3)
#endif

typedef float *(*segment_function)(const tile_operands *, const piece *, float *);

static const segment_function segment_functions[GRADIENT_VECTORS][3] = {
    {sum_segment_1_PLAIN, sum_segment_1_ORDERED, sum_segment_1_SEEN},
    {sum_segment_2_PLAIN, sum_segment_2_ORDERED, sum_segment_2_SEEN},
#if GRADIENT_VECTORS > 2
    {sum_segment_3_PLAIN, sum_segment_3_ORDERED, sum_segment_3_SEEN},
#endif
};

#endif
