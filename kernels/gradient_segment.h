/*
 * The inner loop of weight gradients: a tile of GRADIENT_ROWS x GRADIENT_VECTORS accumulators that stays in the registers while it walks
 * over the tokens of a segment, and what becomes of it in the shards' tree.
 */
#ifndef LOCKSTEP_GRADIENT_SEGMENT_H
#define LOCKSTEP_GRADIENT_SEGMENT_H

#include "gradient_rows.h"
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
    UNROLL_TWICE for (size_t at = 0; at < (size_t)(end - k) * PANEL; at += PANEL) {
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

/* Tokens [k0, k1): those of segments [first, last), or a piece of one, which is long. */
typedef struct {
  const int32_t *segments;
  int32_t k0, k1;
  size_t first, last;
  int whole;
} chunk;

/* Sums a chunk for a tile. Segments may be short: a call for each of them would take a twentieth of their time. */
INLINE float *sum_chunk(const int vectors, const enum lookup lookup, const tile_operands *x, const chunk *c, float *pending) {
  float *result = pending;
  for (size_t s = c->first; s < c->last; s++) {
    const int32_t from = s == c->first ? c->k0 : c->segments[s];
    const piece p = {from, c->whole ? c->segments[s + 1] : c->k1, s, from == c->segments[s], c->whole};
    result = sum_segment(vectors, lookup, x, &p, pending);
  }
  return result;
}

/* Functions of their own: inlined into their caller, the compiler would run out of registers for the sums. */
#define CHUNK_FUNCTION(vectors, lookup)                                                                     \
  static __attribute__((noinline)) float *sum_chunk_##vectors##_##lookup(const tile_operands *x,            \
                                                                         const chunk *c, float *pending) {  \
    return sum_chunk(vectors, lookup, x, c, pending);                                                       \
  }
#define CHUNK_FUNCTIONS(vectors)  \
  CHUNK_FUNCTION(vectors, PLAIN)   \
  CHUNK_FUNCTION(vectors, ORDERED) \
  CHUNK_FUNCTION(vectors, SEEN)
CHUNK_FUNCTIONS(1)
CHUNK_FUNCTIONS(2)
#if GRADIENT_VECTORS > 2
CHUNK_FUNCTIONS(3)
#endif

typedef float *(*chunk_function)(const tile_operands *, const chunk *, float *);

static const chunk_function chunk_functions[GRADIENT_VECTORS][3] = {
    {sum_chunk_1_PLAIN, sum_chunk_1_ORDERED, sum_chunk_1_SEEN},
    {sum_chunk_2_PLAIN, sum_chunk_2_ORDERED, sum_chunk_2_SEEN},
#if GRADIENT_VECTORS > 2
    {sum_chunk_3_PLAIN, sum_chunk_3_ORDERED, sum_chunk_3_SEEN},
#endif
};

#endif
