/*
 * Random bits for masks: Philox4x32-10, Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3". A counter gives 128 random
 * bits, 16 for each of 8 elements. The lanes of a vector are counters. WebAssembly draws them one by one: its vectors of two
 * 64-bit products cost more than two products.
 */
#ifndef LOCKSTEP_PHILOX_H
#define LOCKSTEP_PHILOX_H

#include "panel.h"

/* Second word of the key of all masks; the first one is the seed. */
#define MASK_KEY 0x10C57E9u

#if defined(__wasm__)
#define COUNTERS 1
typedef uint64_t words;
#define LANE(a, i) (a)
#else
#define COUNTERS (VL / 2)
typedef uint64_t words __attribute__((vector_size(8 * COUNTERS)));
#define LANE(a, i) ((a)[i])
#endif

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

#endif
