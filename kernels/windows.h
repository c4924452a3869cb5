/*
 * Windows of a convolution: what it sees from each place, tap after tap. They are not copied side by side: at any tap the places of
 * a block see tokens that lie one behind the other themselves, but for those at the ends of rows, so that products read them where
 * they are.
 */
#ifndef LOCKSTEP_WINDOWS_H
#define LOCKSTEP_WINDOWS_H

#include "panel.h"

typedef struct {
  double input, input_stride, panels; /* [panels][places][16] */
  double taps;
  double sources, reach;          /* int32 [taps][places]: the place that each tap sees from a place, -1 for none; how many */
  double list_stride;             /* places, this one included, see what lies one behind the other */
  double places;                  /* from here on it is an input that a row carries: the latest one of every row, then those before */
  double carried, carried_stride, carried_rows; /* [depth x panels][carried_rows][16], or 0 */
} windows;

/* One input: its columns of the first panel, and how far it is from there to those of the next. */
typedef struct {
  const float *columns;
  size_t step;
} sight;

static const float NOTHING[PANEL] __attribute__((aligned(64)));

/* Of a tap; from one to the next it may go backwards. */
INLINE const int32_t *list_of(char *base, const windows *x, double lists, size_t tap) {
  return I32(base, lists) + (ptrdiff_t)tap * (ptrdiff_t)x->list_stride;
}

INLINE sight see(char *base, const windows *x, int32_t source) {
  const int32_t places = (int32_t)x->places, rows = (int32_t)x->carried_rows;
  if (source < 0) return (sight){NOTHING, 0};
  if (source < places) return (sight){F32(base, x->input) + (size_t)source * PANEL, (size_t)x->input_stride};
  const size_t depth = (size_t)((source - places) / rows), row = (size_t)((source - places) % rows);
  const size_t stride = (size_t)x->carried_stride;
  return (sight){F32(base, x->carried) + depth * (size_t)x->panels * stride + row * PANEL, stride};
}

#endif
