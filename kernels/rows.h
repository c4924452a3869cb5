/*
 * Which panels of a packed matrix the rows of a parameter become. The parameter has `blocks` blocks of equal height, one
 * behind the other; for each 16 rows of that height the packed matrix has `of` panels side by side, of which block b is
 * the one that digit b of `panels` names. An LSTM's weights: 4 blocks, 4 panels, digits 0x3210.
 *
 * A unit of work is 16 rows of the parameter: unit u is block u % blocks of the 16 rows u / blocks.
 */
#ifndef LOCKSTEP_ROWS_H
#define LOCKSTEP_ROWS_H

#include "panel.h"

typedef struct {
  double height, blocks, of;
  double panels; /* to the base of 16 */
} row_map;

/* The rows that a unit stands for, and their panel. */
typedef struct {
  size_t row, count, panel;
} unit_rows;

INLINE unit_rows rows_of_unit(const row_map *map, size_t unit) {
  const uint32_t height = (uint32_t)map->height, blocks = (uint32_t)map->blocks;
  const uint32_t group = (uint32_t)unit / blocks, block = (uint32_t)unit % blocks;
  const uint32_t panel = (uint32_t)map->panels >> 4 * block & 15;
  return (unit_rows){
      .row = (size_t)block * height + group * PANEL,
      .count = min_size(PANEL, height - group * PANEL),
      .panel = (size_t)group * (uint32_t)map->of + panel,
  };
}

#endif
