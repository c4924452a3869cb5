/*
 * The likeliest classes of each row and their probabilities, which is all that a beam search asks for: nobody has to write, nor to look at,
 * the probabilities of all. They are those that softmax (loss.c) would leave, bit for bit. Equals stand in the order of their ids, whatever
 * the vector width.
 */
#include "lanes.h"
#include "math.h"

/* Rows whose maxima and sums stay in registers, and whose lines of a panel lie side by side. */
#define ROWS 4
/* Classes that are told of a row. */
#define RANKS PANEL
/* Classes whose highest logits are found first: every other panel's 16 columns. */
#define GROUPS (2 * PANEL)
/* Below all logits; and what columns behind the last class hold meanwhile. */
#define LEAST -3.4e38f
#define BEHIND -3e38f
/* Panels that are fetched before they are needed, from wherever the product has left them. */
#define PANELS_AHEAD 6

typedef struct {
  double logits, stride, panels; /* [panels][rows][16] */
  double classes;
  double ids;                    /* int32 [rows][16]: the likeliest first; -1 where there are no more classes */
  double probabilities;          /* float [rows][16]: theirs; 0 where there are none */
  double row0, row1;
} rank_args;

/* The highest logits of a row so far; and what others have to reach. */
typedef struct {
  float values[RANKS];
  int32_t ids[RANKS];
  float bar;
} ranking;

/* Behind all that are as high, which have lower ids; the last one falls out. */
INLINE void take_in(ranking *x, float value, int32_t id) {
  int place = RANKS - 1;
  for (; place > 0 && x->values[place - 1] < value; place--) {
    x->values[place] = x->values[place - 1];
    x->ids[place] = x->ids[place - 1];
  }
  x->values[place] = value;
  x->ids[place] = id;
  if (x->values[RANKS - 1] > x->bar) x->bar = x->values[RANKS - 1];
}

/* The one of some values that as many are at least as high as are ranked. */
INLINE float least_ranked(const float values[GROUPS]) {
  float sorted[RANKS];
  for (int i = 0; i < RANKS; i++) sorted[i] = LEAST;
  for (int i = 0; i < GROUPS; i++) {
    if (!(values[i] > sorted[RANKS - 1])) continue;
    int place = RANKS - 1;
    for (; place > 0 && sorted[place - 1] < values[i]; place--) sorted[place] = sorted[place - 1];
    sorted[place] = values[i];
  }
  return sorted[RANKS - 1];
}

/* The highest logit of each row; as many classes as are ranked reach the bar, and few others. */
INLINE void find_highest(const int rows, const float *logits, size_t stride, size_t panels, ranking *found,
                         float *highest) {
  vf high[ROWS][2][PV];
  UNROLL for (int r = 0; r < rows; r++)
    UNROLL for (int v = 0; v < PV; v++) high[r][0][v] = high[r][1][v] = vset(LEAST);
  for (size_t p = 0; p < panels; p += 2)
    UNROLL for (size_t odd = 0; odd < 2; odd++) {
      if (p + odd == panels) break;
      const float *line = logits + (p + odd) * stride;
      UNROLL for (int r = 0; r < rows; r++) {
        PREFETCH(logits + min_size(p + odd + PANELS_AHEAD, panels - 1) * stride + r * PANEL);
        UNROLL for (int v = 0; v < PV; v++) high[r][odd][v] = vmax(high[r][odd][v], vload(line + r * PANEL + v * VL));
      }
    }
  UNROLL for (int r = 0; r < rows; r++) {
    float groups[GROUPS];
    UNROLL for (int odd = 0; odd < 2; odd++)
      UNROLL for (int v = 0; v < PV; v++) vstore(groups + odd * PANEL + v * VL, high[r][odd][v]);
    highest[r] = groups[0];
    for (int i = 1; i < GROUPS; i++) highest[r] = groups[i] > highest[r] ? groups[i] : highest[r];
    for (int i = 0; i < RANKS; i++) {
      found[r].values[i] = LEAST;
      found[r].ids[i] = -1;
    }
    found[r].bar = least_ranked(groups);
  }
}

/* Ranks the classes of some rows, and sums e^(logit - highest) in 16 lanes. */
INLINE void rank_and_sum(const int rows, const float *logits, size_t stride, size_t classes, const float *highest,
                         ranking *found, float lanes[ROWS][PANEL]) {
  vf sum[ROWS][PV];
  UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < PV; v++) sum[r][v] = vzero();
  for (size_t first = 0; first < classes; first += PANEL, logits += stride)
    UNROLL for (int r = 0; r < rows; r++) {
      const float *line = logits + r * PANEL;
      const vf bar = vset(found[r].bar), high = vset(highest[r]);
      int reaches = 0;
      UNROLL for (int v = 0; v < PV; v++) {
        const vf logit = vload(line + v * VL);
        reaches |= vreaches(logit, bar);
        sum[r][v] = vadd(sum[r][v], vexp(vsub(logit, high)));
      }
      if (!reaches) continue;
      for (size_t i = 0; i < min_size(PANEL, classes - first); i++)
        if (line[i] >= found[r].bar && line[i] > found[r].values[RANKS - 1])
          take_in(&found[r], line[i], (int32_t)(first + i));
    }
  UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < PV; v++) vstore(lanes[r] + v * VL, sum[r][v]);
}

/* The probabilities of those found, of which rounding may have made some alike: in the order of these, then of ids. */
INLINE void tell(ranking *found, float highest, float sum, int32_t *ids, float *probabilities) {
  const float factor = 1.0f / sum;
  UNROLL for (int v = 0; v < PV; v++) {
    float *at = found->values + v * VL;
    vstore(at, vmul(vexp(vsub(vload(at), vset(highest))), vset(factor)));
  }
  for (int i = 0; i < RANKS; i++) {
    const int32_t id = found->ids[i];
    const float value = id < 0 ? 0.0f : found->values[i];
    int place = i;
    for (; place > 0 && id >= 0 &&
           (probabilities[place - 1] < value || (probabilities[place - 1] == value && ids[place - 1] > id));
         place--) {
      probabilities[place] = probabilities[place - 1];
      ids[place] = ids[place - 1];
    }
    probabilities[place] = value;
    ids[place] = id;
  }
}

INLINE void rank_rows(const int rows, char *base, const rank_args *x, size_t row) {
  const size_t stride = (size_t)x->stride, panels = (size_t)x->panels, classes = (size_t)x->classes;
  float *logits = F32(base, x->logits) + row * PANEL, *last = logits + (panels - 1) * stride;
  ranking found[ROWS];
  float highest[ROWS], lanes[ROWS][PANEL];
  for (size_t r = 0; r < (size_t)rows; r++)
    for (size_t c = classes; c < panels * PANEL; c++) last[r * PANEL + c % PANEL] = BEHIND;
  find_highest(rows, logits, stride, panels, found, highest);
  rank_and_sum(rows, logits, stride, classes, highest, found, lanes);
  for (size_t r = 0; r < (size_t)rows; r++) {
    for (size_t c = classes; c < panels * PANEL; c++) last[r * PANEL + c % PANEL] = 0;
    const size_t to = (row + r) * RANKS;
    tell(&found[r], highest[r], sum_tree(lanes[r]), I32(base, x->ids) + to, F32(base, x->probabilities) + to);
  }
}

void KERNEL(rank)(char *base, const double *args) {
  const rank_args *x = (const rank_args *)args;
  const size_t end = (size_t)x->row1;
  size_t row = (size_t)x->row0;
  for (; row + ROWS <= end; row += ROWS) rank_rows(ROWS, base, x, row);
  for (; row < end; row++) rank_rows(1, base, x, row);
}
