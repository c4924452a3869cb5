/*
 * What a chain of tags (crf.c) learns itself, the scores T(i, j), start(i) and end(i): what is made of them before the passes, and their
 * gradients behind them.
 */
#include "lanes.h"
#include "math.h"
#include "shards.h"

/*
 * Scores of transitions beyond make a row's loss and probabilities NaN. What float32 has lost of a, less than e^-87 of its sum, can come
 * back as a share of e^(2 LIMIT - 87) at the most: with 35 below what is rounded. Trained scores stay near 0.
 */
#define LIMIT 35.0f

/* e^score; NaN beyond LIMIT. */
INLINE void exponential(const float scores[VL], float exps[VL]) {
  vstore(exps, vexp(vload(scores)));
  for (size_t i = 0; i < VL; i++)
    if (!(scores[i] >= -LIMIT && scores[i] <= LIMIT)) exps[i] = __builtin_nanf("");
}

typedef struct {
  double transitions, start, end;
  double classes, scores_stride;
  double exp_to, exp_from, exp_start, exp_end;
  double best, best_start, best_end;
  double allowed;                  /* float [classes][classes + 2]: 0, or NEVER where another may not follow, at the start, at the end */
  double unit0, unit1;
} crf_pack_args;

/* What follows the update of the scores of tags [16 unit0, 16 unit1): their exponentials, and scores for the best path. */
void KERNEL(crf_pack)(char *base, const double *args) {
  const crf_pack_args *x = (const crf_pack_args *)args;
  const size_t classes = (size_t)x->classes, stride = (size_t)x->scores_stride;
  const float *transitions = F32(base, x->transitions), *start = F32(base, x->start), *end = F32(base, x->end);
  const float *allowed = F32(base, x->allowed);
  float *exp_to = F32(base, x->exp_to), *exp_from = F32(base, x->exp_from), *best = F32(base, x->best);
  const size_t last = min_size((size_t)x->unit1 * PANEL, classes);
  for (size_t from = (size_t)x->unit0 * PANEL; from < last; from++) {
    const float *rules = allowed + from * (classes + 2);
    for (size_t to = 0; to < classes; to += VL) {
      float scores[VL], exps[VL];
      const size_t count = min_size(VL, classes - to);
      for (size_t i = 0; i < VL; i++) scores[i] = i < count ? transitions[from * classes + to + i] : 0.0f;
      exponential(scores, exps);
      for (size_t i = 0; i < count; i++) {
        const size_t j = to + i;
        exp_to[j / PANEL * stride + from * PANEL + j % PANEL] = exps[i];
        exp_from[from / PANEL * stride + j * PANEL + from % PANEL] = exps[i];
        best[j / PANEL * stride + from * PANEL + j % PANEL] = scores[i] + rules[j];
      }
    }
    float scores[VL], exps[VL];
    for (size_t i = 0; i < VL; i++) scores[i] = i == 0 ? start[from] : i == 1 ? end[from] : 0.0f;
    exponential(scores, exps);
    F32(base, x->exp_start)[from] = exps[0];
    F32(base, x->exp_end)[from] = exps[1];
    F32(base, x->best_start)[from] = start[from] + rules[classes];
    F32(base, x->best_end)[from] = end[from] + rules[classes + 1];
  }
}

typedef struct {
  double sums, sums_stride;        /* float [classes][stride]: sum over tokens of a_{t-1}(i) b_t(j); becomes the gradient */
  double classes;
  double transitions;
  double targets, row_start, token_places, rows; /* rows: int32 [1] */
  double squares;                  /* double [panels] */
  double scale;
  double unit0, unit1;
} crf_transitions_args;

/* The gradient of transitions from tags of panels [unit0, unit1): what is expected of them, less what there is. */
void KERNEL(crf_transitions)(char *base, const double *args) {
  const crf_transitions_args *x = (const crf_transitions_args *)args;
  const size_t classes = (size_t)x->classes, stride = (size_t)x->sums_stride;
  const float *transitions = F32(base, x->transitions);
  const int32_t *targets = I32(base, x->targets), *row_start = I32(base, x->row_start);
  const int32_t *token_places = I32(base, x->token_places);
  const int32_t tokens = row_start[I32(base, x->rows)[0]];
  float *sums = F32(base, x->sums);
  for (size_t unit = (size_t)x->unit0; unit < (size_t)x->unit1; unit++) {
    const size_t first = unit * PANEL, last = min_size(first + PANEL, classes);
    for (size_t from = first; from < last; from++)
      for (size_t to = 0; to < classes; to += VL) {
        float scores[VL], exps[VL];
        const size_t count = min_size(VL, classes - to);
        for (size_t i = 0; i < VL; i++) scores[i] = i < count ? transitions[from * classes + to + i] : 0.0f;
        vstore(exps, vexp(vload(scores)));
        for (size_t i = 0; i < count; i++) sums[from * stride + to + i] *= exps[i];
      }
    size_t row = 0;
    for (int32_t k = 0; k < tokens; k++) {
      while (row_start[row + 1] <= k) row++;
      if (k == row_start[row]) continue;
      const size_t from = (size_t)targets[token_places[k - 1]];
      if (from >= first && from < last) sums[from * stride + (size_t)targets[token_places[k]]] -= 1.0f;
    }
    double squares = 0;
    for (size_t from = first; from < last; from++)
      for (size_t to = 0; to < classes; to++) {
        float *value = sums + from * stride + to;
        *value *= (float)x->scale;
        squares += (double)*value * (double)*value;
      }
    F64(base, x->squares)[unit] = squares;
  }
}

typedef struct {
  double d_logits, stride;
  double classes;
  double row_start, token_places;
  double segments, segment_count;  /* int32 [segment_count + 1]: first row of each shard */
  double start_out, end_out;       /* float [classes] */
  double squares;                  /* double [panels] */
  double unit0, unit1;
} crf_ends_args;

/* Gradients of the scores of starts and ends: sums over rows of those of their first and last tokens, in the shards' tree. */
void KERNEL(crf_ends)(char *base, const double *args) {
  const crf_ends_args *x = (const crf_ends_args *)args;
  const int32_t *row_start = I32(base, x->row_start), *token_places = I32(base, x->token_places);
  const int32_t *segments = I32(base, x->segments);
  for (size_t unit = (size_t)x->unit0; unit < (size_t)x->unit1; unit++) {
    const float *d_logits = F32(base, x->d_logits) + unit * (size_t)x->stride;
    float pending[2][MAX_LEVELS][PANEL], sums[2][PANEL];
    for (size_t s = 0; s < (size_t)x->segment_count; s++) {
      for (size_t i = 0; i < PANEL; i++) sums[0][i] = sums[1][i] = 0;
      for (int32_t row = segments[s]; row < segments[s + 1]; row++) {
        if (row_start[row] == row_start[row + 1]) continue;
        const float *first = d_logits + (size_t)token_places[row_start[row]] * PANEL;
        const float *last = d_logits + (size_t)token_places[row_start[row + 1] - 1] * PANEL;
        for (size_t i = 0; i < PANEL; i++) {
          sums[0][i] += first[i];
          sums[1][i] += last[i];
        }
      }
      join_segment(pending[0], s, sums[0]);
      join_segment(pending[1], s, sums[1]);
    }
    double squares = 0;
    for (size_t i = 0; i < min_size(PANEL, (size_t)x->classes - unit * PANEL); i++) {
      F32(base, x->start_out)[unit * PANEL + i] = sums[0][i];
      F32(base, x->end_out)[unit * PANEL + i] = sums[1][i];
      squares += (double)sums[0][i] * (double)sums[0][i] + (double)sums[1][i] * (double)sums[1][i];
    }
    F64(base, x->squares)[unit] = squares;
  }
}
