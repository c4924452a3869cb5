/*
 * How much each token of a source matters to each token of a row, the scores of attention: q k (Luong et al. 2015), or v tanh(q + k)
 * (Bahdanau et al. 2014); and the way back.
 */
#include "attention_pairs.h"
#include "math.h"

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
  for (meeting m = {.row = (size_t)x->row0}; meets(base, &x->pairs, x->row1, &m); m.head++) {
    const pair p = m.p;
    const size_t head = m.head;
    const matrix queries = head_of(base, x->queries, x->queries_stride, x->panels, head);
    const matrix keys = head_of(base, x->keys, x->keys_stride, x->panels, head);
    for (size_t i = 0; i < p.tokens; i++) {
      const size_t place = (size_t)p.own[i];
      float *to = score_line(F32(base, x->pairs.scores), &x->pairs, head, 0, place);
      multiply_vectors(queries, place, keys, p.source, p.sources, to, stride);
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
  for (meeting m = {.row = (size_t)x->row0}; meets(base, &x->pairs, x->row1, &m); m.head++) {
    const pair p = m.p;
    const size_t head = m.head;
    const matrix queries = head_of(base, x->queries, x->queries_stride, x->panels, head);
    const matrix keys = head_of(base, x->keys, x->keys_stride, x->panels, head);
    const matrix d_queries = head_of(base, x->d_queries, x->d_queries_stride, x->panels, head);
    const matrix d_keys = head_of(base, x->d_keys, x->d_keys_stride, x->panels, head);
    for (size_t i = 0; i < p.tokens; i++) {
      const float *d = score_line(scores, &x->pairs, head, 0, (size_t)p.own[i]);
      sum_vectors(d_queries, (size_t)p.own[i], x->adds_queries != 0, keys, p.source, p.sources, (weight_line){d, stride});
    }
    for (size_t j = 0; j < p.sources; j++) {
      const float *d = score_line(scores, &x->pairs, head, j, 0) + j % PANEL;
      sum_vectors(d_keys, (size_t)p.source[j], x->adds_keys != 0, queries, p.own, p.tokens, (weight_line){d, 0});
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
  for (meeting m = {.row = (size_t)x->row0}; meets(base, &x->pairs, x->row1, &m); m.head++) {
    const pair p = m.p;
    const size_t head = m.head;
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
  for (meeting m = {.row = (size_t)x->row0}; meets(base, &x->pairs, x->row1, &m); m.head++) {
    const pair p = m.p;
    const size_t head = m.head;
    for (size_t i = 0; head == 0 && i < p.tokens; i++) {
      float *line = F32(base, x->ones) + (size_t)p.own[i] * PANEL;
      for (size_t lane = 0; lane < PANEL; lane++) line[lane] = lane == 0 ? 1.0f : 0.0f;
    }
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
