/*
 * Dropout with counter-based random numbers: whether an element is kept depends on (seed, layer, step, its place
 * in the batch) alone, so the backward pass draws the same mask again and no mask is stored.
 * Philox4x32-10: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
 *
 * A counter gives 128 random bits, 16 for each of 8 elements, so that a row of a panel takes two of them. The lanes of a
 * vector are counters. WebAssembly draws them one by one: its vectors of two 64-bit products cost more than two products.
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

#if defined(__wasm__)
#define COUNTERS 1
typedef uint64_t words;
#define LANE(a, i) (a)
#else
#define COUNTERS (VL / 2)
typedef uint64_t words __attribute__((vector_size(8 * COUNTERS)));
#define LANE(a, i) ((a)[i])
#endif
/* Rows of a panel that are drawn together. */
#define GROUP_ROWS ((COUNTERS + 1) / 2)

/* A 64-bit product of the low halves: what the high ones hold does not matter. */
INLINE words multiply_low(words a, uint32_t b) {
#if defined(__wasm__)
  return (uint64_t)(uint32_t)a * b;
#elif defined(__aarch64__)
  return (words)vmull_n_u32(vmovn_u64((uint64x2_t)a), b);
#elif VL == 16
  return (words)_mm512_mul_epu32((vi)a, viset((int32_t)b));
#elif VL == 8
  return (words)_mm256_mul_epu32((vi)a, viset((int32_t)b));
#else
  return (words)_mm_mul_epu32((vi)a, viset((int32_t)b));
#endif
}

/* Random bits of the counters (c0, c1, c2, c3), of which each lane holds a word in its low half. */
INLINE void philox(words c0, words c1, words c2, words c3, uint32_t key0, uint32_t key1, uint64_t out[COUNTERS][2]) {
  UNROLL for (int round = 0; round < 10; round++) {
    const words p0 = multiply_low(c0, 0xD2511F53u), p1 = multiply_low(c2, 0xCD9E8D57u);
    c0 = p1 >> 32 ^ c1 ^ key0;
    c1 = p1;
    c2 = p0 >> 32 ^ c3 ^ key1;
    c3 = p0;
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  const words low = (c0 & 0xffffffffu) | c1 << 32, high = (c2 & 0xffffffffu) | c3 << 32;
  UNROLL for (int i = 0; i < COUNTERS; i++) {
    out[i][0] = LANE(low, i);
    out[i][1] = LANE(high, i);
  }
}

/* Elements whose draw is below the threshold become zero, the others are scaled. */
INLINE void drop(const float *in, float *out, const uint16_t *draws, int32_t threshold, vf scale) {
  typedef uint16_t half_lanes __attribute__((vector_size(2 * VL)));
  typedef int32_t lanes __attribute__((vector_size(4 * VL)));
  UNROLL for (int v = 0; v < PV; v++) {
    half_lanes drawn;
    __builtin_memcpy(&drawn, draws + v * VL, sizeof drawn);
    const lanes keep = __builtin_convertvector(drawn, lanes) >= threshold;
    const vf scaled = vmul(vload(in + v * VL), scale);
    vstore(out + v * VL, vfrombits((vi)((lanes)vbits(scaled) & keep)));
  }
}

void KERNEL(dropout)(char *base, const double *args) {
  const dropout_args *x = (const dropout_args *)args;
  const words none = {0}, step = none + (uint32_t)F64(base, x->step)[0], stream = none + (uint32_t)x->stream;
  const int32_t threshold = (int32_t)x->threshold;
  const vf scale = vset((float)x->scale);
  const int32_t *numbers = x->numbers == 0 ? NULL : I32(base, x->numbers);
  const size_t row1 = (size_t)x->row1;
  for (size_t panel = 0; panel < (size_t)x->panels; panel++) {
    const float *in = F32(base, x->in) + panel * (size_t)x->in_stride;
    float *out = F32(base, x->out) + panel * (size_t)x->out_stride;
    for (size_t row = (size_t)x->row0; row < row1; row += GROUP_ROWS) {
      const size_t rows = min_size(GROUP_ROWS, row1 - row);
      /* Draw i of a row is half i % 2 of word i / 2: in memory they follow each other. */
      union {
        uint64_t words[2 * GROUP_ROWS][2];
        uint16_t draws[GROUP_ROWS][PANEL];
      } random;
      /* Two counters a row: for the first and for the second half of it. */
      UNROLL for (size_t first = 0; first < 2 * GROUP_ROWS; first += COUNTERS) {
        words number = none, half = none;
        UNROLL for (size_t i = 0; i < COUNTERS; i++) {
          const size_t at = min_size(row + (first + i) / 2, row1 - 1);
          LANE(number, i) = numbers == NULL ? at : (uint32_t)numbers[at];
          LANE(half, i) = panel * 2 + (first + i) % 2;
        }
        philox(number, half, step, stream, (uint32_t)x->seed, 0x10C57E9u, random.words + first);
      }
      for (size_t r = 0; r < rows; r++)
        drop(in + (row + r) * PANEL, out + (row + r) * PANEL, random.draws[r], threshold, scale);
    }
  }
}
