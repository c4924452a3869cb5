/* Sums over the 16 virtual lanes of a panel's row. */
#ifndef LOCKSTEP_LANES_H
#define LOCKSTEP_LANES_H

#include "panel.h"

/* In a fixed tree, whatever the vector width; takes the lanes' place. */
INLINE float sum_tree(float *lanes) {
  for (int width = PANEL / 2; width > 0; width /= 2)
    for (int i = 0; i < width; i++) lanes[i] += lanes[i + width];
  return lanes[0];
}

#endif
