/*
 * Sigmoid and binary cross-entropy over the logits of a block of rows, in place: of every label by itself, whether a row has it.
 * Sets of labels are bits: label c is bit c % 32 of a row's word c / 32.
 *
 * With y = 1 where the row has the label, else 0, and w = its weight where it has, else 1, a logit z has the loss
 *   (1 - y) z + w (max(-z, 0) + ln(1 + e^-|z|)),
 * -ln of the probability of what is true, times w, which loses nothing however large z is, and is not finite where z is not; its
 * gradient is w (sigmoid(z) - y). A row has the mean over the labels, whose sum runs in 16 virtual lanes.
 */
#include "lanes.h"
#include "math.h"

/* Rows handled together, so that every visit to a panel reads consecutive cache lines. */
#define BLOCK 16
#define WORD 32

typedef struct {
  double logits, stride, panels; /* [panels][rows][16]; becomes probabilities or the gradient of the loss */
  double labels;                 /* how many there are */
  double targets;                /* int32 [rows][words], or 0: probabilities only */
  double losses;                 /* float [rows], in nats */
  double predicted;              /* int32 [rows][words]: labels of a probability of 0.5 or more */
  double weights;                /* float [panels][16]: of each label where a row has it, zeros behind the last; or 0: all are 1 */
  double scale;                  /* gradients are multiplied by it; 0: leave probabilities */
  double row0, row1;
} binary_args;

/* A panel of labels: 1 for each, and the weights of those that are there; zeros behind the last. */
typedef struct {
  float counts[PANEL], weights[PANEL];
} binary_panel;

INLINE binary_panel panel_of(const binary_args *x, const float *weights, size_t p) {
  binary_panel panel;
  for (size_t i = 0; i < PANEL; i++) {
    panel.counts[i] = p * PANEL + i < (size_t)x->labels ? 1.0f : 0.0f;
    panel.weights[i] = x->weights != 0 ? weights[p * PANEL + i] : panel.counts[i];
  }
  return panel;
}

/* What 16 bits say: y of each label, 1 - y, and its weight in the row. */
typedef struct {
  float there[PANEL], absent[PANEL], weights[PANEL];
} binary_targets;

INLINE void read_bits(const binary_panel *panel, uint32_t bits, binary_targets *of) {
  for (int i = 0; i < PANEL; i++) {
    const int is = (bits >> i & 1u) != 0;
    of->there[i] = is ? 1.0f : 0.0f;
    of->absent[i] = is ? 0.0f : panel->counts[i];
    of->weights[i] = is ? panel->weights[i] : panel->counts[i];
  }
}

INLINE vf loss_of(const binary_targets *of, int at, vf z) {
  const vf negative = vsub(vzero(), z), weight = vload(of->weights + at);
  const vf distance = vfma(weight, vmax(vzero(), negative), vmul(vload(of->absent + at), z));
  return vfma(weight, vlog1p(vexp(vmin(negative, z))), distance);
}

/* The labels of 16 that are likely. */
INLINE uint32_t likely(const binary_panel *panel, const float *probabilities) {
  uint32_t bits = 0;
  for (int i = 0; i < PANEL; i++)
    bits |= (uint32_t)(probabilities[i] >= 0.5f && panel->counts[i] != 0) << i;
  return bits;
}

INLINE void binary_block(char *base, const binary_args *x, size_t row, size_t rows) {
  const size_t stride = (size_t)x->stride, panels = (size_t)x->panels;
  const size_t words = ((size_t)x->labels + WORD - 1) / WORD;
  const int32_t *targets = I32(base, x->targets) + row * words;
  int32_t *predicted = I32(base, x->predicted) + row * words;
  const vf factor = vset((float)(x->scale / x->labels));
  float sums[BLOCK][PANEL];
  for (size_t r = 0; r < rows; r++)
    for (int i = 0; i < PANEL; i++) sums[r][i] = 0;

  for (size_t p = 0; p < panels; p++) {
    const binary_panel panel = panel_of(x, F32(base, x->weights), p);
    const size_t word = p * PANEL / WORD, shift = p * PANEL % WORD;
    for (size_t r = 0; r < rows; r++) {
      float *at = F32(base, x->logits) + p * stride + (row + r) * PANEL;
      float probabilities[PANEL];
      binary_targets of;
      read_bits(&panel, x->targets == 0 ? 0 : (uint32_t)targets[r * words + word] >> shift, &of);
      UNROLL for (int v = 0; v < PV; v++) {
        const vf z = vload(at + v * VL), probability = vsigmoid(z);
        vstore(probabilities + v * VL, probability);
        if (x->targets != 0) {
          float *sum = sums[r] + v * VL;
          vstore(sum, vadd(vload(sum), loss_of(&of, v * VL, z)));
        }
        const vf kept = vmul(probability, vload(panel.counts + v * VL));
        vstore(at + v * VL, x->scale == 0 ? kept
                                          : vmul(vmul(vload(of.weights + v * VL), factor),
                                                 vsub(kept, vload(of.there + v * VL))));
      }
      const uint32_t before = shift == 0 ? 0 : (uint32_t)predicted[r * words + word];
      predicted[r * words + word] = (int32_t)(before | likely(&panel, probabilities) << shift);
    }
  }
  if (x->targets == 0) return;
  for (size_t r = 0; r < rows; r++)
    F32(base, x->losses)[row + r] = (float)((double)sum_tree(sums[r]) / x->labels);
}

void KERNEL(binary)(char *base, const double *args) {
  const binary_args *x = (const binary_args *)args;
  const size_t end = (size_t)x->row1;
  for (size_t row = (size_t)x->row0; row < end; row += BLOCK)
    binary_block(base, x, row, min_size(BLOCK, end - row));
}
