/*
 * Dropout with counter-based random numbers: whether an element is kept depends on (seed, layer, step, its place
 * in the batch) alone, so the backward pass draws the same mask again and no mask is stored.
 * Philox4x32-10: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
 */
#include "panel.h"

typedef struct {
  double in, in_stride, out, out_stride; /* [panels][tokens][16]; may be the same */
  double panels;
  double numbers;                        /* int32 [rows]: number of each row in the batch, whoever computes it; 0: its own */
  double threshold;                      /* an element is dropped when its 16 random bits are below: 65536 * rate */
  double scale;                          /* what kept elements are multiplied by: 1 / (1 - rate) */
  double seed, stream;                   /* key */
  double step;                           /* double [1]: the step under way */
  double row0, row1;
} dropout_args;

INLINE void philox(uint32_t counter[4], uint32_t key0, uint32_t key1) {
  for (int round = 0; round < 10; round++) {
    const uint64_t p0 = (uint64_t)0xD2511F53u * counter[0], p1 = (uint64_t)0xCD9E8D57u * counter[2];
    const uint32_t c1 = counter[1], c3 = counter[3];
    counter[0] = (uint32_t)(p1 >> 32) ^ c1 ^ key0;
    counter[1] = (uint32_t)p1;
    counter[2] = (uint32_t)(p0 >> 32) ^ c3 ^ key1;
    counter[3] = (uint32_t)p0;
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
}

void KERNEL(dropout)(char *base, const double *args) {
  const dropout_args *x = (const dropout_args *)args;
  const uint32_t threshold = (uint32_t)x->threshold, step = (uint32_t)F64(base, x->step)[0];
  const float scale = (float)x->scale;
  for (size_t panel = 0; panel < (size_t)x->panels; panel++)
    for (size_t row = (size_t)x->row0; row < (size_t)x->row1; row++) {
      const float *in = F32(base, x->in) + panel * (size_t)x->in_stride + row * PANEL;
      float *out = F32(base, x->out) + panel * (size_t)x->out_stride + row * PANEL;
      for (uint32_t half = 0; half < 2; half++) {
        uint32_t counter[4] = {x->numbers == 0 ? (uint32_t)row : (uint32_t)I32(base, x->numbers)[row], (uint32_t)panel * 2 + half, step, (uint32_t)x->stream};
        philox(counter, (uint32_t)x->seed, 0x10C57E9u);
        for (int i = 0; i < 8; i++) {
          const uint32_t bits = counter[i / 2] >> (i % 2 * 16) & 0xffff;
          out[half * 8 + (uint32_t)i] = bits < threshold ? 0.0f : in[half * 8 + (uint32_t)i] * scale;
        }
      }
    }
}
