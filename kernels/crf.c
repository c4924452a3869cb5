/*
 * A linear chain of tags (Lafferty et al. 2001) over a row's tokens: the score of tags y is the sum of e_t(y_t), T(y_{t-1}, y_t), start(y_1)
 * and end(y_n), its probability e^score / Z. Z and the probabilities of single tags come from a pass forwards and one backwards. Each
 * token's values are scaled to a sum of 1, so that none leaves float32; logarithms of the scales are added in float64. With
 *   x_t(j) = e^(e_t(j) - m_t), m_t the largest e_t, and E = e^T
 *   a_t(j) = x_t(j) sum_i a_{t-1}(i) E(i, j) / c_t, c_t making their sum 1: how likely the tokens up to t make tag j
 *   b_t(j) = x_t(j) / c_t times what the tokens behind t make of it: sum_k E(j, k) b_{t+1}(k)
 * p(y_t = j) = a_t(j) b_t(j) c_t / x_t(j), and p(y_{t-1} = i, y_t = j) = a_{t-1}(i) E(i, j) b_t(j).
 * Sums over tags run in rising order of the tag that is left, in a lane for each of the others.
 */
#include "lanes.h"
#include "log.h"
#include "math.h"

/* Panels whose sums run side by side, since each waits for its last addition. */
#define GROUP 4
/* No score of tags that may follow each other is as low. */
#define NEVER -1e30f

enum crf_mode { CRF_PREDICT = 0, CRF_EVALUATE = 1, CRF_TRAIN = 2 };

typedef struct {
  double logits, stride;            /* [panels][places][16]: e; becomes probabilities, or the gradient of the loss */
  double classes, panels;
  double targets;                   /* int32 [places], or 0 */
  double losses, predicted;         /* [places] */
  double row_start, token_places;   /* int32: see batch-layout.ts */
  double transitions, start, end;   /* float [classes][classes], [classes] */
  double scores_stride;             /* of the panels of E and of scores */
  double exp_to, exp_from;          /* E by panels of what follows: [panels][classes][16]; and by panels of what precedes */
  double exp_start, exp_end;        /* [16 panels] */
  double best, best_start, best_end; /* scores for the best path, NEVER where a tag may not follow */
  double ahead, ahead_stride;       /* [panels][places][16]: a, or the scores of best paths */
  double behind, behind_stride;     /* [panels][places][16]: b */
  double mode;
  double scale;
  double row0, row1;
} crf_args;

#define AT(values, stride, place, i) (values)[(i) / PANEL * (stride) + (size_t)(place) * PANEL + (i) % PANEL]

/* out[lane of panel p + g] = sum over i of in(i) matrix[p + g][i][lane], for `group` panels. */
INLINE void products(const float *matrix, size_t m_stride, size_t classes, const float *in, size_t in_stride, size_t p, size_t group,
                     vf sums[GROUP][PV]) {
  const float *m = matrix + p * m_stride;
  for (size_t g = 0; g < group; g++) UNROLL for (int v = 0; v < PV; v++) sums[g][v] = vzero();
  for (size_t i = 0; i < classes; i++) {
    const vf value = vset(in[i / PANEL * in_stride + i % PANEL]);
    for (size_t g = 0; g < group; g++)
      UNROLL for (int v = 0; v < PV; v++)
        sums[g][v] = vfma(value, vload(m + g * m_stride + i * PANEL + v * VL), sums[g][v]);
  }
}

/* The same with sums for products and the largest for sums. */
INLINE void best_sums(const float *matrix, size_t m_stride, size_t classes, const float *in, size_t in_stride, size_t p, size_t group,
                      vf most[GROUP][PV]) {
  const float *m = matrix + p * m_stride;
  for (size_t g = 0; g < group; g++) UNROLL for (int v = 0; v < PV; v++) most[g][v] = vset(2 * NEVER);
  for (size_t i = 0; i < classes; i++) {
    const vf value = vset(in[i / PANEL * in_stride + i % PANEL]);
    for (size_t g = 0; g < group; g++)
      UNROLL for (int v = 0; v < PV; v++)
        most[g][v] = vmax(most[g][v], vadd(value, vload(m + g * m_stride + i * PANEL + v * VL)));
  }
}

/* Of elements [0, classes) of a place; the first of equals. */
INLINE size_t largest(const float *values, size_t stride, size_t classes) {
  size_t most = 0;
  for (size_t i = 1; i < classes; i++)
    if (values[i / PANEL * stride + i % PANEL] > values[most / PANEL * stride + most % PANEL]) most = i;
  return most;
}

/* 1 for lanes of tags in the last panel, else 0. */
INLINE void mask_tags(const crf_args *x, float mask[PANEL]) {
  const size_t last = (size_t)x->classes - ((size_t)x->panels - 1) * PANEL;
  for (size_t i = 0; i < PANEL; i++) mask[i] = i < last ? 1.0f : 0.0f;
}

INLINE vf mask_of(const crf_args *x, const float mask[PANEL], size_t panel, int v) {
  return panel + 1 < (size_t)x->panels ? vset(1.0f) : vload(mask + v * VL);
}

/* The likeliest tags of a row, by way of the scores of best paths, which are left in `ahead`. */
INLINE void find_best(char *base, const crf_args *x, const int32_t *places, size_t tokens) {
  const size_t stride = (size_t)x->stride, classes = (size_t)x->classes, panels = (size_t)x->panels;
  const size_t a_stride = (size_t)x->ahead_stride;
  const float *logits = F32(base, x->logits), *best = F32(base, x->best);
  const float *best_start = F32(base, x->best_start), *best_end = F32(base, x->best_end);
  float *ahead = F32(base, x->ahead);
  int32_t *predicted = I32(base, x->predicted);
  for (size_t t = 0; t < tokens; t++) {
    const float *e = logits + (size_t)places[t] * PANEL;
    float *a = ahead + (size_t)places[t] * PANEL;
    for (size_t p = 0; p < panels; p += GROUP) {
      const size_t group = min_size(GROUP, panels - p);
      vf most[GROUP][PV];
      if (t == 0) {
        for (size_t g = 0; g < group; g++)
          UNROLL for (int v = 0; v < PV; v++) most[g][v] = vload(best_start + (p + g) * PANEL + v * VL);
      } else if (group == GROUP) {
        best_sums(best, (size_t)x->scores_stride, classes, ahead + (size_t)places[t - 1] * PANEL, a_stride, p, GROUP, most);
      } else {
        best_sums(best, (size_t)x->scores_stride, classes, ahead + (size_t)places[t - 1] * PANEL, a_stride, p, group, most);
      }
      for (size_t g = 0; g < group; g++)
        UNROLL for (int v = 0; v < PV; v++)
          vstore(a + (p + g) * a_stride + v * VL, vadd(most[g][v], vload(e + (p + g) * stride + v * VL)));
    }
    /* Rows may be long: what all have in common is taken away. */
    const float most = a[largest(a, a_stride, classes) / PANEL * a_stride + largest(a, a_stride, classes) % PANEL];
    for (size_t p = 0; p < panels; p++)
      UNROLL for (int v = 0; v < PV; v++)
        vstore(a + p * a_stride + v * VL, vsub(vload(a + p * a_stride + v * VL), vset(most)));
  }
  size_t tag = 0;
  float most = 4 * NEVER;
  for (size_t i = 0; i < classes; i++) {
    const float score = AT(ahead, a_stride, places[tokens - 1], i) + best_end[i];
    if (score > most) {
      most = score;
      tag = i;
    }
  }
  predicted[places[tokens - 1]] = (int32_t)tag;
  for (size_t t = tokens - 1; t > 0; t--) {
    const float *to = best + tag / PANEL * (size_t)x->scores_stride + tag % PANEL;
    size_t from = 0;
    most = 4 * NEVER;
    for (size_t i = 0; i < classes; i++) {
      const float score = AT(ahead, a_stride, places[t - 1], i) + to[i * PANEL];
      if (score > most) {
        most = score;
        from = i;
      }
    }
    tag = from;
    predicted[places[t - 1]] = (int32_t)tag;
  }
}

/* x_t into `out`; gives m_t. */
INLINE float exponentials(const crf_args *x, const float mask[PANEL], const float *e, float *out, size_t out_stride) {
  const size_t stride = (size_t)x->stride, panels = (size_t)x->panels;
  const size_t first = largest(e, stride, (size_t)x->classes);
  const float most = e[first / PANEL * stride + first % PANEL];
  for (size_t p = 0; p < panels; p++)
    UNROLL for (int v = 0; v < PV; v++)
      vstore(out + p * out_stride + v * VL,
             vmul(vexp(vsub(vload(e + p * stride + v * VL), vset(most))), mask_of(x, mask, p, v)));
  return most;
}

/* Scales a place's elements to a sum of 1; gives what it was. */
INLINE float normalise(float *a, size_t stride, size_t panels) {
  float lanes[PANEL];
  for (int i = 0; i < PANEL; i++) lanes[i] = a[i];
  for (size_t p = 1; p < panels; p++)
    UNROLL for (int v = 0; v < PV; v++)
      vstore(lanes + v * VL, vadd(vload(lanes + v * VL), vload(a + p * stride + v * VL)));
  const float sum = sum_tree(lanes);
  for (size_t p = 0; p < panels; p++)
    UNROLL for (int v = 0; v < PV; v++)
      vstore(a + p * stride + v * VL, vdiv(vload(a + p * stride + v * VL), vset(sum)));
  return sum;
}

/* a and, in the place of b, x / c; and the losses. */
INLINE void go_forward(char *base, const crf_args *x, const int32_t *places, size_t tokens, const float mask[PANEL]) {
  const size_t stride = (size_t)x->stride, classes = (size_t)x->classes, panels = (size_t)x->panels;
  const size_t a_stride = (size_t)x->ahead_stride, b_stride = (size_t)x->behind_stride;
  const float *logits = F32(base, x->logits), *exp_to = F32(base, x->exp_to), *exp_start = F32(base, x->exp_start);
  float *ahead = F32(base, x->ahead), *behind = F32(base, x->behind);
  const int32_t *targets = x->targets == 0 ? NULL : I32(base, x->targets);
  for (size_t t = 0; t < tokens; t++) {
    const float *e = logits + (size_t)places[t] * PANEL;
    float *a = ahead + (size_t)places[t] * PANEL, *b = behind + (size_t)places[t] * PANEL;
    const float most = exponentials(x, mask, e, b, b_stride);
    for (size_t p = 0; p < panels; p += GROUP) {
      const size_t group = min_size(GROUP, panels - p);
      vf sums[GROUP][PV];
      if (t == 0) {
        for (size_t g = 0; g < group; g++)
          UNROLL for (int v = 0; v < PV; v++) sums[g][v] = vload(exp_start + (p + g) * PANEL + v * VL);
      } else if (group == GROUP) {
        products(exp_to, (size_t)x->scores_stride, classes, ahead + (size_t)places[t - 1] * PANEL, a_stride, p, GROUP, sums);
      } else {
        products(exp_to, (size_t)x->scores_stride, classes, ahead + (size_t)places[t - 1] * PANEL, a_stride, p, group, sums);
      }
      for (size_t g = 0; g < group; g++)
        UNROLL for (int v = 0; v < PV; v++)
          vstore(a + (p + g) * a_stride + v * VL, vmul(sums[g][v], vload(b + (p + g) * b_stride + v * VL)));
    }
    const float sum = normalise(a, a_stride, panels);
    for (size_t p = 0; p < panels; p++)
      UNROLL for (int v = 0; v < PV; v++)
        vstore(b + p * b_stride + v * VL, vdiv(vload(b + p * b_stride + v * VL), vset(sum)));
    if (targets == NULL) continue;
    const size_t target = (size_t)targets[places[t]];
    const float before = t == 0 ? F32(base, x->start)[target]
                                : F32(base, x->transitions)[(size_t)targets[places[t - 1]] * classes + target];
    const double own = (double)most - (double)e[target / PANEL * stride + target % PANEL];
    F32(base, x->losses)[places[t]] = (float)(natural_log((double)sum) + own - (double)before);
  }
}

/* What the ends make of the last token's tags; adds the end's share to its loss. Gives the sum over all tags. */
INLINE float take_end(char *base, const crf_args *x, int32_t place) {
  const size_t classes = (size_t)x->classes, a_stride = (size_t)x->ahead_stride;
  const float *ahead = F32(base, x->ahead), *exp_end = F32(base, x->exp_end);
  float sum = 0;
  for (size_t i = 0; i < classes; i++) sum += AT(ahead, a_stride, place, i) * exp_end[i];
  if (x->targets != 0) {
    float *loss = F32(base, x->losses) + place;
    const float end = F32(base, x->end)[I32(base, x->targets)[place]];
    *loss = (float)((double)*loss + natural_log((double)sum) - (double)end);
  }
  return sum;
}

/* From the end: b, and what the logits become. */
INLINE void go_backward(char *base, const crf_args *x, const int32_t *places, size_t tokens, float end_sum) {
  const size_t stride = (size_t)x->stride, classes = (size_t)x->classes, panels = (size_t)x->panels;
  const size_t a_stride = (size_t)x->ahead_stride, b_stride = (size_t)x->behind_stride;
  const float *ahead = F32(base, x->ahead), *exp_from = F32(base, x->exp_from), *exp_end = F32(base, x->exp_end);
  float *logits = F32(base, x->logits), *behind = F32(base, x->behind);
  const int trains = (int)x->mode == CRF_TRAIN;
  const float scale = trains ? (float)x->scale : 1.0f;
  for (size_t t = tokens; t-- > 0;) {
    float *e = logits + (size_t)places[t] * PANEL, *b = behind + (size_t)places[t] * PANEL;
    const float *a = ahead + (size_t)places[t] * PANEL;
    for (size_t p = 0; p < panels; p += GROUP) {
      const size_t group = min_size(GROUP, panels - p);
      vf sums[GROUP][PV];
      if (t + 1 == tokens) {
        for (size_t g = 0; g < group; g++)
          UNROLL for (int v = 0; v < PV; v++)
            sums[g][v] = vdiv(vload(exp_end + (p + g) * PANEL + v * VL), vset(end_sum));
      } else if (group == GROUP) {
        products(exp_from, (size_t)x->scores_stride, classes, behind + (size_t)places[t + 1] * PANEL, b_stride, p, GROUP, sums);
      } else {
        products(exp_from, (size_t)x->scores_stride, classes, behind + (size_t)places[t + 1] * PANEL, b_stride, p, group, sums);
      }
      for (size_t g = 0; g < group; g++)
        UNROLL for (int v = 0; v < PV; v++) {
          /* Beyond float32 are only tags that cannot be: their share of a is as small. */
          const vf rest = vmin(sums[g][v], vset(1e30f));
          vstore(e + (p + g) * stride + v * VL, vmul(vload(a + (p + g) * a_stride + v * VL), rest));
          float *own = b + (p + g) * b_stride + v * VL;
          vstore(own, vmin(vmul(vload(own), rest), vset(1e30f)));
        }
    }
    if (!trains) continue;
    I32(base, x->predicted)[places[t]] = (int32_t)largest(e, stride, classes);
    const size_t target = (size_t)I32(base, x->targets)[places[t]];
    e[target / PANEL * stride + target % PANEL] -= 1.0f;
    for (size_t p = 0; p < panels; p++)
      UNROLL for (int v = 0; v < PV; v++)
        vstore(e + p * stride + v * VL, vmul(vload(e + p * stride + v * VL), vset(scale)));
  }
}

void KERNEL(crf)(char *base, const double *args) {
  const crf_args *x = (const crf_args *)args;
  const int32_t *row_start = I32(base, x->row_start), *token_places = I32(base, x->token_places);
  float mask[PANEL];
  mask_tags(x, mask);
  for (size_t row = (size_t)x->row0; row < (size_t)x->row1; row++) {
    const int32_t *places = token_places + row_start[row];
    const size_t tokens = (size_t)(row_start[row + 1] - row_start[row]);
    if (tokens == 0) continue;
    if ((int)x->mode != CRF_TRAIN) find_best(base, x, places, tokens);
    go_forward(base, x, places, tokens, mask);
    const float end_sum = take_end(base, x, places[tokens - 1]);
    if ((int)x->mode != CRF_EVALUATE) go_backward(base, x, places, tokens, end_sum);
  }
}
