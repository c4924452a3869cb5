/*
 * Attention over the tokens of each row: weights a_t = e^s_t / (sum of e^s) of scores s_t, and the sum of a_t h_t. Sums run over a
 * row's tokens in rising order; products of two rows in 16 virtual lanes.
 */
#include "attention_weight.h"
#include "lanes.h"
#include "math.h"

typedef struct {
  double scores; /* [1][places][16]: column 0 is the score, and becomes the weight */
  double in, in_stride, panels; /* [panels][places][16] */
  double row_start, token_places; /* int32 [rows + 1], int32 [tokens] */
  double out, out_stride; /* [panels][rows][16] */
  double row0, row1;
} attend_args;

/* Scores of a row to weights, 16 tokens at a time. */
INLINE void weigh(float *scores, const int32_t *places, size_t count) {
  float max = scores[(size_t)places[0] * PANEL], sum = 0.0f;
  for (size_t t = 1; t < count; t++) {
    const float score = scores[(size_t)places[t] * PANEL];
    max = score > max || score != score ? score : max;
  }
  for (size_t first = 0; first < count; first += PANEL) {
    const size_t some = min_size(PANEL, count - first);
    float lanes[PANEL];
    for (size_t i = 0; i < PANEL; i++)
      lanes[i] = i < some ? scores[(size_t)places[first + i] * PANEL] - max : 0.0f;
    UNROLL for (int v = 0; v < PV; v++) vstore(lanes + v * VL, vexp(vload(lanes + v * VL)));
    for (size_t i = 0; i < some; i++) {
      scores[(size_t)places[first + i] * PANEL] = lanes[i];
      sum += lanes[i];
    }
  }
  for (size_t t = 0; t < count; t++) {
    float *score = scores + (size_t)places[t] * PANEL;
    *score = attention_weight(*score, sum);
  }
}

void KERNEL(attend)(char *base, const double *args) {
  const attend_args *x = (const attend_args *)args;
  const int32_t *row_start = I32(base, x->row_start), *token_places = I32(base, x->token_places);
  float *scores = F32(base, x->scores);
  for (size_t row = (size_t)x->row0; row < (size_t)x->row1; row++) {
    const int32_t *places = token_places + row_start[row];
    const size_t count = (size_t)(row_start[row + 1] - row_start[row]);
    if (count > 0) weigh(scores, places, count);
    for (size_t panel = 0; panel < (size_t)x->panels; panel++) {
      const float *in = F32(base, x->in) + panel * (size_t)x->in_stride;
      float *out = F32(base, x->out) + panel * (size_t)x->out_stride + row * PANEL;
      vf sum[PV];
      UNROLL for (int v = 0; v < PV; v++) sum[v] = vzero();
      for (size_t t = 0; t < count; t++) {
        const size_t at = (size_t)places[t] * PANEL;
        const vf weight = vset(scores[at]);
        UNROLL for (int v = 0; v < PV; v++) sum[v] = vfma(weight, vload(in + at + v * VL), sum[v]);
      }
      UNROLL for (int v = 0; v < PV; v++) vstore(out + v * VL, sum[v]);
    }
  }
}

typedef struct {
  double d_out, d_out_stride; /* [panels][rows][16] */
  double weights; /* what `attend` has left of the scores */
  double in, in_stride, panels;
  double row_start, token_places;
  double d_in, d_in_stride; /* [panels][places][16] */
  double adds;              /* whether gradients of h_t are added to what is there */
  double d_scores;          /* [1][places][16]: column 0; the others become zero */
  double row0, row1;
} attend_backward_args;

/* With g_t = dy h_t: ds_t = a_t (g_t - sum of a g), and of dh_t the part a_t dy. */
void KERNEL(attend_backward)(char *base, const double *args) {
  const attend_backward_args *x = (const attend_backward_args *)args;
  const int32_t *row_start = I32(base, x->row_start), *token_places = I32(base, x->token_places);
  const float *weights = F32(base, x->weights);
  float *d_scores = F32(base, x->d_scores);
  const size_t panels = (size_t)x->panels, in_stride = (size_t)x->in_stride, d_out_stride = (size_t)x->d_out_stride;
  const int adds = x->adds != 0;
  for (size_t row = (size_t)x->row0; row < (size_t)x->row1; row++) {
    const int32_t *places = token_places + row_start[row];
    const size_t count = (size_t)(row_start[row + 1] - row_start[row]);
    const float *d_out = F32(base, x->d_out) + row * PANEL;
    float mean = 0.0f;
    for (size_t t = 0; t < count; t++) {
      const size_t at = (size_t)places[t] * PANEL;
      const float *in = F32(base, x->in) + at;
      float lanes[PANEL];
      vf sum[PV];
      UNROLL for (int v = 0; v < PV; v++) sum[v] = vzero();
      for (size_t panel = 0; panel < panels; panel++)
        UNROLL for (int v = 0; v < PV; v++)
          sum[v] = vfma(vload(d_out + panel * d_out_stride + v * VL), vload(in + panel * in_stride + v * VL), sum[v]);
      UNROLL for (int v = 0; v < PV; v++) vstore(lanes + v * VL, sum[v]);
      d_scores[at] = sum_tree(lanes);
      mean += weights[at] * d_scores[at];
    }
    for (size_t t = 0; t < count; t++) {
      const size_t at = (size_t)places[t] * PANEL;
      d_scores[at] = weights[at] * (d_scores[at] - mean);
      for (size_t i = 1; i < PANEL; i++) d_scores[at + i] = 0.0f;
    }
    for (size_t panel = 0; panel < panels; panel++) {
      float *d_in = F32(base, x->d_in) + panel * (size_t)x->d_in_stride;
      for (size_t t = 0; t < count; t++) {
        const size_t at = (size_t)places[t] * PANEL;
        const vf weight = vset(weights[at]);
        UNROLL for (int v = 0; v < PV; v++) {
          const vf dy = vload(d_out + panel * d_out_stride + v * VL);
          vstore(d_in + at + v * VL, adds ? vfma(weight, dy, vload(d_in + at + v * VL)) : vmul(weight, dy));
        }
      }
    }
  }
}
