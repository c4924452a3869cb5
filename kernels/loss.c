/*
 * Softmax and cross-entropy over the logits of a block of rows, in place. Sums over classes run in 16 virtual
 * lanes (the panel's columns) that are combined in a fixed tree, whatever the vector width.
 *
 * With weights w of the classes and smoothing s a row of target y has the loss
 *   (1 - s) w[y] (-log p[y]) + s / C * sum over c of w[c] (-log p[c]),
 * whose gradient is ((1 - s) w[y] + s / C * sum of w) p - s / C * w, less (1 - s) w[y] at y.
 */
#include "lanes.h"
#include "log.h"
#include "math.h"

/* Rows handled together, so that every visit to a panel reads consecutive cache lines. */
#define BLOCK 16
/* Panels of them that are fetched before they are needed: a processor's own prefetchers see no more than a block's lines of each. */
#define PANELS_AHEAD 4

typedef struct {
  double logits, stride, panels;  /* [panels][rows][16]; becomes probabilities or the gradient of the loss */
  double classes;
  double targets;                 /* int32 [rows], or 0: probabilities only */
  double losses;                  /* float [rows], in nats; -log p[target] without weights */
  double predicted;               /* int32 [rows]: the first class of the highest logit */
  double weights;                 /* float [panels][16], zeros behind the last class; or 0: all are 1, no smoothing */
  double weight_sum;              /* of the weights */
  double smoothing;               /* share of a target that all classes have */
  double cross_entropies;         /* float [rows], with weights: -log p[target] */
  double scale;                   /* gradients are multiplied by it; 0: leave probabilities */
  double row0, row1;
} softmax_args;

INLINE float max_lanes(const float *lanes) {
  float max = lanes[0];
  for (int i = 1; i < PANEL; i++) max = lanes[i] > max || lanes[i] != lanes[i] ? lanes[i] : max;
  return max;
}

/* The first class with the highest logit. */
INLINE int32_t first_equal(const float *row, size_t stride, size_t classes, float value) {
  for (size_t first = 0; first < classes; first += PANEL) {
    const float *line = row + first / PANEL * stride;
    int reaches = 0;
    UNROLL for (int v = 0; v < PV; v++) reaches |= vreaches(vload(line + v * VL), vset(value));
    for (size_t i = 0; reaches && i < min_size(PANEL, classes - first); i++)
      if (line[i] == value) return (int32_t)(first + i);
  }
  return 0;
}

/* `weighted` is a constant where this is called: without weights none of their work is there. */
INLINE void softmax_block(char *base, const softmax_args *x, size_t row, size_t rows, int weighted) {
  const size_t stride = (size_t)x->stride, panels = (size_t)x->panels, classes = (size_t)x->classes;
  float *logits = F32(base, x->logits) + row * PANEL;
  const float *weights = F32(base, x->weights);
  float lanes[BLOCK][PANEL], max[BLOCK];
  /* Sums of w[c] (max - logit[c]). */
  float below[BLOCK][PANEL];

  /* Columns behind the last class take no part. */
  for (size_t r = 0; r < rows; r++)
    for (size_t c = classes; c < panels * PANEL; c++)
      logits[(panels - 1) * stride + r * PANEL + c % PANEL] = -3e38f;

  for (size_t r = 0; r < rows; r++)
    for (int i = 0; i < PANEL; i++) lanes[r][i] = logits[r * PANEL + (size_t)i];
  for (size_t p = 1; p < panels; p++)
    for (size_t r = 0; r < rows; r++) {
      PREFETCH_NEAR(logits + (p + PANELS_AHEAD) * stride + r * PANEL);
      UNROLL for (int v = 0; v < PV; v++)
        vstore(lanes[r] + v * VL,
               vmax(vload(lanes[r] + v * VL), vload(logits + p * stride + r * PANEL + (size_t)v * VL)));
    }
  for (size_t r = 0; r < rows; r++) {
    max[r] = max_lanes(lanes[r]);
    I32(base, x->predicted)[row + r] = first_equal(logits + r * PANEL, stride, classes, max[r]);
    if (x->targets != 0) {
      const size_t target = (size_t)I32(base, x->targets)[row + r];
      F32(base, x->losses)[row + r] = max[r] - logits[target / PANEL * stride + r * PANEL + target % PANEL];
    }
    for (int i = 0; i < PANEL; i++) lanes[r][i] = 0;
    if (weighted)
      for (int i = 0; i < PANEL; i++) below[r][i] = 0;
  }

  for (size_t p = 0; p < panels; p++)
    for (size_t r = 0; r < rows; r++) {
      float *at = logits + p * stride + r * PANEL;
      PREFETCH_NEAR(at + PANELS_AHEAD * stride);
      UNROLL for (int v = 0; v < PV; v++) {
        const vf logit = vload(at + v * VL);
        if (weighted) {
          /* Never infinite, which the zeros behind the last class would make a NaN. */
          const vf distance = vmin(vsub(vset(max[r]), logit), vset(3e38f));
          float *sum = below[r] + v * VL;
          vstore(sum, vfma(vload(weights + p * PANEL + (size_t)v * VL), distance, vload(sum)));
        }
        const vf e = vexp(vsub(logit, vset(max[r])));
        vstore(at + v * VL, e);
        vstore(lanes[r] + v * VL, vadd(vload(lanes[r] + v * VL), e));
      }
    }

  float factor[BLOCK], taken[BLOCK];
  const float scale = x->scale == 0 ? 1.0f : (float)x->scale;
  const double soft = x->smoothing / x->classes;
  for (size_t r = 0; r < rows; r++) {
    const float sum = sum_tree(lanes[r]);
    factor[r] = scale / sum;
    taken[r] = scale;
    if (x->targets == 0) continue;
    float *loss = F32(base, x->losses) + row + r;
    const double log_sum = natural_log((double)sum);
    const double cross_entropy = (double)*loss + log_sum;
    *loss = (float)cross_entropy;
    if (weighted) {
      const double hard = (1.0 - x->smoothing) * (double)weights[I32(base, x->targets)[row + r]];
      const double spread = x->weight_sum * log_sum + (double)sum_tree(below[r]);
      F32(base, x->cross_entropies)[row + r] = (float)cross_entropy;
      *loss = (float)(hard * cross_entropy + soft * spread);
      if (x->scale != 0) {
        factor[r] = (float)((hard + soft * x->weight_sum) * x->scale / (double)sum);
        taken[r] = (float)(hard * x->scale);
      }
    }
  }
  const vf spared = vset(x->scale == 0 ? 0.0f : (float)(soft * x->scale));
  for (size_t p = 0; p < panels; p++)
    for (size_t r = 0; r < rows; r++) {
      float *at = logits + p * stride + r * PANEL;
      PREFETCH_NEAR(at + PANELS_AHEAD * stride);
      UNROLL for (int v = 0; v < PV; v++) {
        const vf value = vmul(vload(at + v * VL), vset(factor[r]));
        vstore(at + v * VL,
               weighted ? vfnma(vload(weights + p * PANEL + (size_t)v * VL), spared, value) : value);
      }
    }
  for (size_t r = 0; r < rows; r++) {
    if (x->scale != 0) {
      const size_t target = (size_t)I32(base, x->targets)[row + r];
      logits[target / PANEL * stride + r * PANEL + target % PANEL] -= taken[r];
    }
    for (size_t c = classes; c < panels * PANEL; c++)
      logits[(panels - 1) * stride + r * PANEL + c % PANEL] = 0;
  }
}

void KERNEL(softmax)(char *base, const double *args) {
  const softmax_args *x = (const softmax_args *)args;
  const size_t end = (size_t)x->row1;
  for (size_t row = (size_t)x->row0; row < end; row += BLOCK) {
    const size_t rows = min_size(BLOCK, end - row);
    if (x->weights != 0)
      softmax_block(base, x, row, rows, 1);
    else
      softmax_block(base, x, row, rows, 0);
  }
}
