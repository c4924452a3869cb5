/*
 * Attention of the tokens of each row over those of its source (Luong et al. 2015, Bahdanau et al. 2014): scores of every token of the
 * row with every one of the source, weights that are e^s / (sum of e^s) over the source, and the sum of the source's values by these.
 * Heads have their own panels of queries, keys and values, one behind the other, and weights of their own.
 *
 * Rows go through one by one: what a row and its source have fits the nearest caches. Sums over tokens run in their order, products of
 * two vectors in 16 virtual lanes.
 */
#include "attention_weight.h"
#include "lanes.h"
#include "math.h"

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

/* A token's line of a matrix becomes the sum of the source's vectors by its weights, or that is added to it. */
INLINE void sum_sources(matrix out, size_t place, int adds, matrix in, const int32_t *places, size_t count, const float *weights,
                        size_t weights_stride) {
  for (size_t panel = 0; panel < out.panels; panel++) {
    float *to = out.at + panel * out.stride + place * PANEL;
    const float *from = in.at + panel * in.stride;
    vf sum[PV];
    UNROLL for (int v = 0; v < PV; v++) sum[v] = adds ? vload(to + v * VL) : vzero();
    for (size_t j = 0; j < count; j++) {
      const vf weight = vset(weights[j / PANEL * weights_stride + j % PANEL]);
      const float *line = from + (size_t)places[j] * PANEL;
      UNROLL for (int v = 0; v < PV; v++) sum[v] = vfma(weight, vload(line + v * VL), sum[v]);
    }
    UNROLL for (int v = 0; v < PV; v++) vstore(to + v * VL, sum[v]);
  }
}

/* The same of a token of the source and all tokens of the row: `weights` has a line for each place, of which a column is hers. */
INLINE void sum_tokens(matrix out, size_t place, int adds, matrix in, const int32_t *places, size_t count, const float *weights,
                       size_t column) {
  for (size_t panel = 0; panel < out.panels; panel++) {
    float *to = out.at + panel * out.stride + place * PANEL;
    const float *from = in.at + panel * in.stride;
    vf sum[PV];
    UNROLL for (int v = 0; v < PV; v++) sum[v] = adds ? vload(to + v * VL) : vzero();
    for (size_t i = 0; i < count; i++) {
      const size_t line = (size_t)places[i] * PANEL;
      const vf weight = vset(weights[line + column]);
      UNROLL for (int v = 0; v < PV; v++) sum[v] = vfma(weight, vload(from + line + v * VL), sum[v]);
    }
    UNROLL for (int v = 0; v < PV; v++) vstore(to + v * VL, sum[v]);
  }
}

typedef struct {
  pairs_args pairs;
  double queries, queries_stride; /* [heads][panels][places][16] */
  double keys, keys_stride;       /* [heads][panels][source's places][16] */
  double panels;                  /* of a head */
  double row0, row1;
} dot_scores_args;

void KERNEL(dot_scores)(char *base, const double *args) {
  const dot_scores_args *x = (const dot_scores_args *)args;
  const size_t stride = (size_t)x->pairs.scores_stride;
  for (size_t row = (size_t)x->row0; row < (size_t)x->row1; row++) {
    const pair p = pair_of(base, &x->pairs, row);
    for (size_t head = 0; head < (size_t)x->pairs.heads; head++) {
      const matrix queries = head_of(base, x->queries, x->queries_stride, x->panels, head);
      const matrix keys = head_of(base, x->keys, x->keys_stride, x->panels, head);
      for (size_t i = 0; i < p.tokens; i++) {
        const size_t place = (size_t)p.own[i];
        float *to = score_line(F32(base, x->pairs.scores), &x->pairs, head, 0, place);
        multiply_vectors(queries, place, keys, p.source, p.sources, to, stride);
      }
    }
  }
}

typedef struct {
  pairs_args pairs; /* the gradients of the scores */
  double queries, queries_stride, keys, keys_stride, panels;
  double d_queries, d_queries_stride, adds_queries; /* whether they are added to what is there */
  double d_keys, d_keys_stride, adds_keys;
  double row0, row1;
} dot_backward_args;

void KERNEL(dot_backward)(char *base, const double *args) {
  const dot_backward_args *x = (const dot_backward_args *)args;
  const size_t stride = (size_t)x->pairs.scores_stride;
  float *scores = F32(base, x->pairs.scores);
  for (size_t row = (size_t)x->row0; row < (size_t)x->row1; row++) {
    const pair p = pair_of(base, &x->pairs, row);
    for (size_t head = 0; head < (size_t)x->pairs.heads; head++) {
      const matrix queries = head_of(base, x->queries, x->queries_stride, x->panels, head);
      const matrix keys = head_of(base, x->keys, x->keys_stride, x->panels, head);
      const matrix d_queries = head_of(base, x->d_queries, x->d_queries_stride, x->panels, head);
      const matrix d_keys = head_of(base, x->d_keys, x->d_keys_stride, x->panels, head);
      for (size_t i = 0; i < p.tokens; i++) {
        const float *d = score_line(scores, &x->pairs, head, 0, (size_t)p.own[i]);
        sum_sources(d_queries, (size_t)p.own[i], x->adds_queries != 0, keys, p.source, p.sources, d, stride);
      }
      for (size_t j = 0; j < p.sources; j++) {
        const float *d = score_line(scores, &x->pairs, head, j, 0);
        sum_tokens(d_keys, (size_t)p.source[j], x->adds_keys != 0, queries, p.own, p.tokens, d, j % PANEL);
      }
    }
  }
}

typedef struct {
  pairs_args pairs;
  double queries, queries_stride, keys, keys_stride, panels;
  double vector, vector_stride; /* [heads][panels][16][16]: v in the first line of each panel */
  double row0, row1;
} additive_scores_args;

/* v tanh(q + k) */
void KERNEL(additive_scores)(char *base, const double *args) {
  const additive_scores_args *x = (const additive_scores_args *)args;
  const size_t stride = (size_t)x->pairs.scores_stride;
  for (size_t row = (size_t)x->row0; row < (size_t)x->row1; row++) {
    const pair p = pair_of(base, &x->pairs, row);
    for (size_t head = 0; head < (size_t)x->pairs.heads; head++) {
      const matrix queries = head_of(base, x->queries, x->queries_stride, x->panels, head);
      const matrix keys = head_of(base, x->keys, x->keys_stride, x->panels, head);
      const matrix vector = head_of(base, x->vector, x->vector_stride, x->panels, head);
      for (size_t i = 0; i < p.tokens; i++) {
        float *to = score_line(F32(base, x->pairs.scores), &x->pairs, head, 0, (size_t)p.own[i]);
        for (size_t j = 0; j < p.sources; j++) {
          vf sum[PV];
          UNROLL for (int v = 0; v < PV; v++) sum[v] = vzero();
          for (size_t panel = 0; panel < queries.panels; panel++) {
            const float *q = queries.at + panel * queries.stride + (size_t)p.own[i] * PANEL;
            const float *k = keys.at + panel * keys.stride + (size_t)p.source[j] * PANEL;
            const float *w = vector.at + panel * vector.stride;
            UNROLL for (int v = 0; v < PV; v++) {
              const vf u = vtanh(vadd(vload(q + v * VL), vload(k + v * VL)));
              sum[v] = vfma(vload(w + v * VL), u, sum[v]);
            }
          }
          to[j / PANEL * stride + j % PANEL] = total(sum);
        }
        for (size_t j = p.sources; j % PANEL != 0; j++) to[j / PANEL * stride + j % PANEL] = 0.0f;
      }
    }
  }
}

typedef struct {
  pairs_args pairs; /* the gradients of the scores */
  double queries, queries_stride, keys, keys_stride, panels;
  double vector, vector_stride;
  double d_queries, d_queries_stride, adds_queries;
  double d_keys, d_keys_stride, adds_keys;
  double d_vector, d_vector_stride; /* [heads][panels][places][16]: what each token adds to the gradient of v */
  double ones;                      /* [places][16]: becomes 1 in the first column, by which these are to be summed up */
  double row0, row1;
} additive_backward_args;

/* With u = tanh(q + k): of q and k ds v (1 - u^2), of v ds u. What was kept of u would take more time to read than u takes to form. */
void KERNEL(additive_backward)(char *base, const double *args) {
  const additive_backward_args *x = (const additive_backward_args *)args;
  const size_t stride = (size_t)x->pairs.scores_stride;
  const int adds_queries = x->adds_queries != 0, adds_keys = x->adds_keys != 0;
  for (size_t row = (size_t)x->row0; row < (size_t)x->row1; row++) {
    const pair p = pair_of(base, &x->pairs, row);
    for (size_t i = 0; i < p.tokens; i++) {
      float *line = F32(base, x->ones) + (size_t)p.own[i] * PANEL;
      for (size_t lane = 0; lane < PANEL; lane++) line[lane] = lane == 0 ? 1.0f : 0.0f;
    }
    for (size_t head = 0; head < (size_t)x->pairs.heads; head++) {
      const matrix queries = head_of(base, x->queries, x->queries_stride, x->panels, head);
      const matrix keys = head_of(base, x->keys, x->keys_stride, x->panels, head);
      const matrix vector = head_of(base, x->vector, x->vector_stride, x->panels, head);
      const matrix d_queries = head_of(base, x->d_queries, x->d_queries_stride, x->panels, head);
      const matrix d_keys = head_of(base, x->d_keys, x->d_keys_stride, x->panels, head);
      const matrix d_vector = head_of(base, x->d_vector, x->d_vector_stride, x->panels, head);
      for (size_t panel = 0; panel < queries.panels; panel++) {
        const float *k = keys.at + panel * keys.stride, *w = vector.at + panel * vector.stride;
        float *dk = d_keys.at + panel * d_keys.stride;
        for (size_t i = 0; i < p.tokens; i++) {
          const size_t own = (size_t)p.own[i] * PANEL;
          const float *q = queries.at + panel * queries.stride + own;
          const float *d = score_line(F32(base, x->pairs.scores), &x->pairs, head, 0, (size_t)p.own[i]);
          float *dq = d_queries.at + panel * d_queries.stride + own, *dw = d_vector.at + panel * d_vector.stride + own;
          vf sum_q[PV], sum_w[PV];
          UNROLL for (int v = 0; v < PV; v++) sum_q[v] = sum_w[v] = vzero();
          for (size_t j = 0; j < p.sources; j++) {
            const size_t other = (size_t)p.source[j] * PANEL;
            const vf ds = vset(d[j / PANEL * stride + j % PANEL]);
            UNROLL for (int v = 0; v < PV; v++) {
              const vf u = vtanh(vadd(vload(q + v * VL), vload(k + other + v * VL)));
              const vf slope = vmul(vmul(ds, vload(w + v * VL)), vfnma(u, u, vset(1.0f)));
              float *to = dk + other + v * VL;
              sum_q[v] = vadd(sum_q[v], slope);
              sum_w[v] = vfma(ds, u, sum_w[v]);
              vstore(to, i == 0 && !adds_keys ? slope : vadd(vload(to), slope));
            }
          }
          UNROLL for (int v = 0; v < PV; v++) {
            vstore(dq + v * VL, adds_queries ? vadd(vload(dq + v * VL), sum_q[v]) : sum_q[v]);
            vstore(dw + v * VL, sum_w[v]);
          }
        }
        if (p.tokens == 0 && !adds_keys)
          for (size_t j = 0; j < p.sources; j++)
            UNROLL for (int v = 0; v < PV; v++) vstore(dk + (size_t)p.source[j] * PANEL + v * VL, vzero());
      }
    }
  }
}

typedef struct {
  pairs_args pairs;             /* scores, which become weights */
  double values, values_stride; /* [heads][panels][source's places][16] */
  double panels;                /* of a head */
  double out, out_stride;       /* [heads][panels][places][16] */
  double row0, row1;
} cross_attend_args;

/* Scores of a token to weights. */
INLINE void weigh(float *scores, size_t stride, size_t count) {
  float max = scores[0], sum = 0.0f;
  for (size_t j = 1; j < count; j++) {
    const float score = scores[j / PANEL * stride + j % PANEL];
    max = score > max || score != score ? score : max;
  }
  for (size_t first = 0; first < count; first += PANEL) {
    float *line = scores + first / PANEL * stride;
    const size_t some = min_size(PANEL, count - first);
    UNROLL for (int v = 0; v < PV; v++) vstore(line + v * VL, vexp(vsub(vload(line + v * VL), vset(max))));
    for (size_t i = 0; i < PANEL; i++) {
      if (i < some) sum += line[i];
      else line[i] = 0.0f;
    }
  }
  for (size_t j = 0; j < count; j++) {
    float *score = scores + j / PANEL * stride + j % PANEL;
    *score = attention_weight(*score, sum);
  }
}

void KERNEL(cross_attend)(char *base, const double *args) {
  const cross_attend_args *x = (const cross_attend_args *)args;
  const size_t stride = (size_t)x->pairs.scores_stride;
  for (size_t row = (size_t)x->row0; row < (size_t)x->row1; row++) {
    const pair p = pair_of(base, &x->pairs, row);
    for (size_t head = 0; head < (size_t)x->pairs.heads; head++) {
      const matrix values = head_of(base, x->values, x->values_stride, x->panels, head);
      const matrix out = head_of(base, x->out, x->out_stride, x->panels, head);
      for (size_t i = 0; i < p.tokens; i++) {
        float *weights = score_line(F32(base, x->pairs.scores), &x->pairs, head, 0, (size_t)p.own[i]);
        if (p.sources > 0) weigh(weights, stride, p.sources);
        sum_sources(out, (size_t)p.own[i], 0, values, p.source, p.sources, weights, stride);
      }
    }
  }
}

typedef struct {
  pairs_args pairs; /* the weights */
  double values, values_stride, panels;
  double d_out, d_out_stride;
  double d_values, d_values_stride, adds;
  double d_scores; /* like the weights */
  double row0, row1;
} cross_attend_backward_args;

/* With g_j = dy v_j: ds_j = a_j (g_j - sum of a g), and of dv_j the part a_j dy. */
void KERNEL(cross_attend_backward)(char *base, const double *args) {
  const cross_attend_backward_args *x = (const cross_attend_backward_args *)args;
  const size_t stride = (size_t)x->pairs.scores_stride;
  float *all = F32(base, x->pairs.scores);
  for (size_t row = (size_t)x->row0; row < (size_t)x->row1; row++) {
    const pair p = pair_of(base, &x->pairs, row);
    for (size_t head = 0; head < (size_t)x->pairs.heads; head++) {
      const matrix values = head_of(base, x->values, x->values_stride, x->panels, head);
      const matrix d_out = head_of(base, x->d_out, x->d_out_stride, x->panels, head);
      const matrix d_values = head_of(base, x->d_values, x->d_values_stride, x->panels, head);
      for (size_t i = 0; i < p.tokens; i++) {
        const size_t place = (size_t)p.own[i];
        const float *weights = score_line(all, &x->pairs, head, 0, place);
        float *d = score_line(F32(base, x->d_scores), &x->pairs, head, 0, place), mean = 0.0f;
        multiply_vectors(d_out, place, values, p.source, p.sources, d, stride);
        for (size_t j = 0; j < p.sources; j++) {
          const size_t at = j / PANEL * stride + j % PANEL;
          mean += weights[at] * d[at];
        }
        for (size_t j = 0; j < p.sources; j++) {
          const size_t at = j / PANEL * stride + j % PANEL;
          d[at] = weights[at] * (d[at] - mean);
        }
      }
      for (size_t j = 0; j < p.sources; j++) {
        const float *weights = score_line(all, &x->pairs, head, j, 0);
        sum_tokens(d_values, (size_t)p.source[j], x->adds != 0, d_out, p.own, p.tokens, weights, j % PANEL);
      }
    }
  }
}
