/*
 * Softmax and cross-entropy over the logits of a block of rows, in place. Sums over classes run in 16 virtual
 * lanes (the panel's columns) that are combined in a fixed tree, whatever the vector width.
 */
#include "lanes.h"
#include "math.h"

/* Rows handled together, so that every visit to a panel reads consecutive cache lines. */
#define BLOCK 16

typedef struct {
  double logits, stride, panels;  /* [panels][rows][16]; becomes probabilities or the gradient of the loss */
  double classes;
  double targets;                 /* int32 [rows], or 0: probabilities only */
  double losses;                  /* float [rows]: -log p[target] in nats */
  double predicted;               /* int32 [rows]: the first class of the highest logit */
  double scale;                   /* gradients are multiplied by it; 0: leave probabilities */
  double row0, row1;
} softmax_args;

/* ln x of a positive normal number or a NaN, in float64: x = m 2^e, m in [0.7, 1.4], ln m = 2 artanh((m - 1) / (m + 1)). */
INLINE double natural_log(double x) {
  if (x != x) return x;
  union {
    double value;
    uint64_t bits;
  } u = {x};
  int exponent = (int)(u.bits >> 52) - 1023;
  u.bits = (u.bits & 0xfffffffffffffULL) | 0x3ff0000000000000ULL;
  if (u.value > 1.4142135623730951) {
    u.value *= 0.5;
    exponent++;
  }
  const double s = (u.value - 1.0) / (u.value + 1.0), z = s * s;
  double sum = 0;
  for (int n = 21; n >= 1; n -= 2) sum = sum * z + 1.0 / n;
  return 2.0 * s * sum + exponent * 0.6931471805599453;
}

INLINE float max_lanes(const float *lanes) {
  float max = lanes[0];
  for (int i = 1; i < PANEL; i++) max = lanes[i] > max || lanes[i] != lanes[i] ? lanes[i] : max;
  return max;
}

INLINE int32_t first_equal(const float *row, size_t stride, size_t classes, float value) {
  for (size_t c = 0; c < classes; c++)
    if (row[c / PANEL * stride + c % PANEL] == value) return (int32_t)c;
  return 0;
}

INLINE void softmax_block(char *base, const softmax_args *x, size_t row, size_t rows) {
  const size_t stride = (size_t)x->stride, panels = (size_t)x->panels, classes = (size_t)x->classes;
  float *logits = F32(base, x->logits) + row * PANEL;
  float lanes[BLOCK][PANEL], max[BLOCK];

  /* Columns behind the last class take no part. */
  for (size_t r = 0; r < rows; r++)
    for (size_t c = classes; c < panels * PANEL; c++)
      logits[(panels - 1) * stride + r * PANEL + c % PANEL] = -3e38f;

  for (size_t r = 0; r < rows; r++)
    for (int i = 0; i < PANEL; i++) lanes[r][i] = logits[r * PANEL + (size_t)i];
  for (size_t p = 1; p < panels; p++)
    for (size_t r = 0; r < rows; r++)
      UNROLL for (int v = 0; v < PV; v++)
        vstore(lanes[r] + v * VL,
               vmax(vload(lanes[r] + v * VL), vload(logits + p * stride + r * PANEL + (size_t)v * VL)));
  for (size_t r = 0; r < rows; r++) {
    max[r] = max_lanes(lanes[r]);
    I32(base, x->predicted)[row + r] = first_equal(logits + r * PANEL, stride, classes, max[r]);
    if (x->targets != 0) {
      const size_t target = (size_t)I32(base, x->targets)[row + r];
      F32(base, x->losses)[row + r] = max[r] - logits[target / PANEL * stride + r * PANEL + target % PANEL];
    }
    for (int i = 0; i < PANEL; i++) lanes[r][i] = 0;
  }

  for (size_t p = 0; p < panels; p++)
    for (size_t r = 0; r < rows; r++) {
      float *at = logits + p * stride + r * PANEL;
      UNROLL for (int v = 0; v < PV; v++) {
        const vf e = vexp(vsub(vload(at + v * VL), vset(max[r])));
        vstore(at + v * VL, e);
        vstore(lanes[r] + v * VL, vadd(vload(lanes[r] + v * VL), e));
      }
    }

  float factor[BLOCK];
  const float scale = x->scale == 0 ? 1.0f : (float)x->scale;
  for (size_t r = 0; r < rows; r++) {
    const float sum = sum_tree(lanes[r]);
    if (x->targets != 0) {
      float *loss = F32(base, x->losses) + row + r;
      *loss = (float)((double)*loss + natural_log((double)sum));
    }
    factor[r] = scale / sum;
  }
  for (size_t p = 0; p < panels; p++)
    for (size_t r = 0; r < rows; r++) {
      float *at = logits + p * stride + r * PANEL;
      UNROLL for (int v = 0; v < PV; v++) vstore(at + v * VL, vmul(vload(at + v * VL), vset(factor[r])));
    }
  for (size_t r = 0; r < rows; r++) {
    if (x->scale != 0) {
      const size_t target = (size_t)I32(base, x->targets)[row + r];
      logits[target / PANEL * stride + r * PANEL + target % PANEL] -= scale;
    }
    for (size_t c = classes; c < panels * PANEL; c++)
      logits[(panels - 1) * stride + r * PANEL + c % PANEL] = 0;
  }
}

void KERNEL(softmax)(char *base, const double *args) {
  const softmax_args *x = (const softmax_args *)args;
  const size_t end = (size_t)x->row1;
  for (size_t row = (size_t)x->row0; row < end; row += BLOCK)
    softmax_block(base, x, row, min_size(BLOCK, end - row));
}
