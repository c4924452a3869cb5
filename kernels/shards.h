/* The shards' balanced tree over the segments of a sum, for sums of a panel's row: as that of weight_gradient.c. */
#ifndef LOCKSTEP_SHARDS_H
#define LOCKSTEP_SHARDS_H

#include "panel.h"

/* Levels of the tree and one for its result: at most 1024 segments. */
#define MAX_LEVELS 11

/*
 * Behind the s-th segment: takes the sums of subtrees of the same size that came before it into its own, and keeps what it comes to. After
 * the last one of a power of two the sums are those of all segments.
 */
INLINE void join_segment(float pending[MAX_LEVELS][PANEL], size_t s, float sums[PANEL]) {
  size_t level = 0;
  for (size_t carry = s; carry & 1; carry >>= 1, level++)
    UNROLL for (int v = 0; v < PV; v++)
      vstore(sums + v * VL, vadd(vload(pending[level] + v * VL), vload(sums + v * VL)));
  UNROLL for (int v = 0; v < PV; v++) vstore(pending[level] + v * VL, vload(sums + v * VL));
}

#endif
