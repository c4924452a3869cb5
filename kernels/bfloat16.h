/*
 * Numbers of bfloat16 and the order in which products of them are summed. A pair matrix holds two panels of a panel matrix in one:
 * each of its 32-bit words has an element of panel 2g in its lower half and that of panel 2g + 1, in the same row and lane, in its
 * upper half. So packing and unpacking go lane by lane, and a line of words is what a tile of AMX takes as a row.
 *
 * For each pair of panels of k, an element of a product has a chain of multiply-adds over the first panel's 16 and one over the second's,
 * both from zero; their sum is added to the sums of the pairs before. What a product starts from is added last.
 *
 * That is what AMX does to a tile. But it takes numbers below the normal ones, 2^-126, for zeros. Inputs that are not zero are at least 2^-50
 * and have 8 bits: all products and sums of them are multiples of 2^-114 and never so small. And they are at most 2^63 or infinite:
 * a product of two has 16 bits and does not overflow, it is exact, so that multiplying and adding apart rounds as together.
 */
#ifndef LOCKSTEP_BFLOAT16_H
#define LOCKSTEP_BFLOAT16_H

#include "panel.h"

typedef uint32_t words __attribute__((vector_size(VL * sizeof(float))));
typedef int32_t marks __attribute__((vector_size(VL * sizeof(float)))); /* all bits of a lane, or none */

#define LEAST_BITS 0x26800000    /* 2^-50 */
#define INFINITE_FROM 0x5f000000 /* 2^63 */
#define INFINITY_BITS 0x7f800000
#define UPPER_HALF 0xffff0000u

/* To the nearest bfloat16, of two to the even one, in the upper halves; what the lower ones hold means nothing. */
INLINE words round_words(vf x) {
  const words bits = (words)x;
  const marks size = (marks)(bits & 0x7fffffffu);
  const words nearest = bits + 0x7fffu + (bits >> 16 & 1u);
  const words beyond = (bits & 0x80000000u) | INFINITY_BITS | ((words)(size > INFINITY_BITS) & 0x00400000u);
  const words is_beyond = (words)(size >= INFINITE_FROM);
  return ((nearest & ~is_beyond) | (beyond & is_beyond)) & (words)(size >= LEAST_BITS);
}

INLINE vf pair_words(vf first, vf second) {
  return (vf)(round_words(first) >> 16 | (round_words(second) & UPPER_HALF));
}

INLINE vf first_of_pair(vf pair) { return (vf)((words)pair << 16); }
INLINE vf second_of_pair(vf pair) { return (vf)((words)pair & UPPER_HALF); }

/* Panels that come as pairs; a last one alone has zeros beside it. */
INLINE size_t pairs_of(size_t panels) { return (panels + 1) / 2; }

/* Rounds rows [0, rows) of panels that begin with the first one of a pair; beside a last one alone come zeros. */
INLINE void round_panels(const float *panels, size_t stride, size_t count, size_t rows, float *pairs, size_t pairs_stride) {
  for (size_t panel = 0; panel < count; panel += 2, pairs += pairs_stride) {
    const float *first = panels + panel * stride;
    const int is_alone = panel + 1 == count;
    for (size_t i = 0; i < rows * PANEL; i += VL)
      vstore(pairs + i, pair_words(vload(first + i), is_alone ? vzero() : vload(first + stride + i)));
  }
}

/*
 * What the elements of a row start from, added to their sums: vector `lane` of a panel.
 *
 * @param c where the row's vector lies in the result
 */
INLINE vf started(const product *p, size_t row, size_t panel, size_t lane, const float *c, vf sum) {
  if (p->start == START_RESULT) return vadd(vload(c), sum);
  if (p->start == START_BIAS) return vadd(vload(p->bias + panel * PANEL + lane), sum);
  if (p->start == START_GATHER)
    return vadd(vload(p->from + panel * p->from_stride + (size_t)p->gather[row] * PANEL + lane), sum);
  return sum;
}

/*
 * Computes rows [row0, row1) of the columns of panels [panel0, panel1), A and B being pair matrices: [k pairs][rows][16] and
 * [n panels][16 k pairs][16]. Of B nothing is fetched for later.
 */
void KERNEL(multiply_pairs)(const product *p, size_t row0, size_t row1, size_t panel0, size_t panel1);

/* The same through tiles of AMX: where the thread has been told that it may. */
#if defined(__x86_64__) && VL == 16 && defined(__has_include)
#if __has_include(<amxbf16intrin.h>)
#define LOCKSTEP_AMX 1
extern _Thread_local int lockstep_uses_amx;
extern _Thread_local int lockstep_tiles; /* how they are configured, 0: not at all */
void KERNEL(multiply_pairs_amx)(const product *p, size_t row0, size_t row1, size_t panel0, size_t panel1);
#endif
#endif

#endif
