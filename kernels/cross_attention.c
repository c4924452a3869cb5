/*
 * Attention of the tokens of each row over those of its source: scores (attention_scores.c) become weights, e^s / (sum of e^s) over the
 * source, and the source's values are summed by these.
 */
#include "attention_pairs.h"
#include "attention_weight.h"
#include "math.h"

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
  for (meeting m = {.row = (size_t)x->row0}; meets(base, &x->pairs, x->row1, &m); m.head++) {
    const pair p = m.p;
    const size_t head = m.head;
    const matrix values = head_of(base, x->values, x->values_stride, x->panels, head);
    const matrix out = head_of(base, x->out, x->out_stride, x->panels, head);
    for (size_t i = 0; i < p.tokens; i++) {
      float *weights = score_line(F32(base, x->pairs.scores), &x->pairs, head, 0, (size_t)p.own[i]);
      if (p.sources > 0) weigh(weights, stride, p.sources);
      sum_vectors(out, (size_t)p.own[i], 0, values, p.source, p.sources, (weight_line){weights, stride});
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
  for (meeting m = {.row = (size_t)x->row0}; meets(base, &x->pairs, x->row1, &m); m.head++) {
    const pair p = m.p;
    const size_t head = m.head;
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
      const float *weights = score_line(all, &x->pairs, head, j, 0) + j % PANEL;
      sum_vectors(d_values, (size_t)p.source[j], x->adds != 0, d_out, p.own, p.tokens, (weight_line){weights, 0});
    }
  }
}
