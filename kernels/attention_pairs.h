/*
 * What attention to a source goes through: the tokens of each row with every one of its source. Heads have their own panels of queries, keys and
 * values, one behind the other, and weights of their own.
 *
 * Rows go through one by one: what a row and its source have fits the nearest caches. Sums over tokens run in their order, products of
 * two vectors in 16 virtual lanes.
 */
#ifndef LOCKSTEP_ATTENTION_PAIRS_H
#define LOCKSTEP_ATTENTION_PAIRS_H

#include "lanes.h"

/* Which tokens of which rows meet, and their scores or weights. */
typedef struct {
  double row_start, token_places;      /* int32 [rows + 1], int32 [tokens]: where the tokens of each row lie */
  double source_start, source_places;  /* the same of the source */
  double source_row;                   /* int32 [rows]: which row of the source each row has; 0: that of the same number */
  double scores, scores_stride;        /* [heads][panels][places][16]: a line of a token has a column for each token of the source */
  double heads, head_panels;
} pairs_args;

/* A row's tokens and those of its source. */
typedef struct {
  const int32_t *own, *source;
  size_t tokens, sources;
} pair;

INLINE pair pair_of(char *base, const pairs_args *x, size_t row) {
  const int32_t *start = I32(base, x->row_start), *source_start = I32(base, x->source_start);
  const size_t from = x->source_row == 0 ? row : (size_t)I32(base, x->source_row)[row];
  return (pair){
      .own = I32(base, x->token_places) + start[row],
      .source = I32(base, x->source_places) + source_start[from],
      .tokens = (size_t)(start[row + 1] - start[row]),
      .sources = (size_t)(source_start[from + 1] - source_start[from]),
  };
}

/* The line of a head's scores of the token at a place, whose 16 columns begin with the source's token j; and the next ones. */
INLINE float *score_line(float *scores, const pairs_args *x, size_t head, size_t j, size_t place) {
  return scores + (head * (size_t)x->head_panels + j / PANEL) * (size_t)x->scores_stride + place * PANEL;
}

/* A head of a row's attention, and what meets in the row. */
typedef struct {
  size_t row, head;
  pair p;
} meeting;

/* Goes through all heads of one row after the other: begins with { row0 }, and goes on by head++. */
INLINE int meets(char *base, const pairs_args *x, double row1, meeting *m) {
  if (m->head == (size_t)x->heads) {
    m->head = 0;
    m->row++;
  }
  if (m->row >= (size_t)row1) return 0;
  if (m->head == 0) m->p = pair_of(base, x, m->row);
  return 1;
}

/* A panel matrix, of which a head has some panels. */
typedef struct {
  float *at;
  size_t stride, panels;
} matrix;

INLINE matrix head_of(char *base, double at, double stride, double panels, size_t head) {
  const size_t step = (size_t)stride, count = (size_t)panels;
  return (matrix){.at = F32(base, at) + head * count * step, .stride = step, .panels = count};
}

/* Vectors that are multiplied at a time: chains of sums that do not wait for each other. */
#define CHAINS 4

INLINE void clear_sums(vf sums[CHAINS][PV]) {
  UNROLL for (int c = 0; c < CHAINS; c++) UNROLL for (int v = 0; v < PV; v++) sums[c][v] = vzero();
}

INLINE float total(const vf sum[PV]) {
  float lanes[PANEL];
  UNROLL for (int v = 0; v < PV; v++) vstore(lanes + v * VL, sum[v]);
  return sum_tree(lanes);
}

/* Products of a with the vectors at some places, into lines of scores that begin at `to`, the rest of the last one being zeros. */
INLINE void multiply_vectors(matrix a, size_t place, matrix b, const int32_t *places, size_t count, float *to, size_t to_stride) {
  for (size_t j = 0; j < count; j += CHAINS) {
    const size_t some = min_size(CHAINS, count - j);
    size_t others[CHAINS];
    vf sums[CHAINS][PV];
    /* Those behind the last are it again. */
    UNROLL for (int c = 0; c < CHAINS; c++) others[c] = (size_t)places[j + min_size((size_t)c, some - 1)] * PANEL;
    clear_sums(sums);
    for (size_t panel = 0; panel < a.panels; panel++) {
      const float *own = a.at + panel * a.stride + place * PANEL, *other = b.at + panel * b.stride;
      UNROLL for (int v = 0; v < PV; v++) {
        const vf x = vload(own + v * VL);
        UNROLL for (int c = 0; c < CHAINS; c++) sums[c][v] = vfma(x, vload(other + others[c] + v * VL), sums[c][v]);
      }
    }
    for (size_t c = 0; c < some; c++) to[(j + c) / PANEL * to_stride + (j + c) % PANEL] = total(sums[c]);
  }
  for (size_t j = count; j % PANEL != 0; j++) to[j / PANEL * to_stride + j % PANEL] = 0.0f;
}

/* Weights of a sum: a token's, of which each of the source has a column, or a column of the lines of several tokens. */
typedef struct {
  const float *at;
  size_t stride; /* from 16 columns to the next; 0: of the lines at the tokens' places */
} weight_line;

/* A line of a matrix becomes the sum of the vectors at some places by their weights, or that is added to it. */
INLINE void sum_vectors(matrix out, size_t place, int adds, matrix in, const int32_t *places, size_t count, weight_line weights) {
  for (size_t panel = 0; panel < out.panels; panel++) {
    float *to = out.at + panel * out.stride + place * PANEL;
    const float *from = in.at + panel * in.stride;
    vf sum[PV];
    UNROLL for (int v = 0; v < PV; v++) sum[v] = adds ? vload(to + v * VL) : vzero();
    for (size_t j = 0; j < count; j++) {
      const size_t line = (size_t)places[j] * PANEL;
      const vf weight = vset(weights.at[weights.stride == 0 ? line : j / PANEL * weights.stride + j % PANEL]);
      UNROLL for (int v = 0; v < PV; v++) sum[v] = vfma(weight, vload(from + line + v * VL), sum[v]);
    }
    UNROLL for (int v = 0; v < PV; v++) vstore(to + v * VL, sum[v]);
  }
}

#endif
