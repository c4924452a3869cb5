/*
 * The likeliest classes of each row, which is all that a beam search asks for: nobody else has to look at the probabilities of all. Equals
 * stand in the order of their ids, whatever the vector width.
 */
#include "panel.h"

/* Rows handled together, so that every visit to a panel reads consecutive cache lines. */
#define BLOCK 16
/* Classes that are told of a row. */
#define RANKS PANEL

typedef struct {
  double probabilities, stride, panels; /* [panels][rows][16] */
  double classes;
  double ids;                           /* int32 [rows][16]: the likeliest first; -1 where there are no more classes */
  double row0, row1;
} rank_args;

/* The likeliest classes of a row so far. */
typedef struct {
  float values[RANKS];
  int32_t ids[RANKS];
} ranking;

/* Behind all that are as likely, which have lower ids; the last one falls out. */
INLINE void take_in(ranking *x, float value, int32_t id) {
  int place = RANKS - 1;
  for (; place > 0 && x->values[place - 1] < value; place--) {
    x->values[place] = x->values[place - 1];
    x->ids[place] = x->ids[place - 1];
  }
  x->values[place] = value;
  x->ids[place] = id;
}

void KERNEL(rank)(char *base, const double *args) {
  const rank_args *x = (const rank_args *)args;
  const size_t stride = (size_t)x->stride, panels = (size_t)x->panels, classes = (size_t)x->classes;
  const size_t end = (size_t)x->row1;
  for (size_t row = (size_t)x->row0; row < end; row += BLOCK) {
    const size_t rows = min_size(BLOCK, end - row);
    ranking found[BLOCK];
    for (size_t r = 0; r < rows; r++)
      for (int i = 0; i < RANKS; i++) {
        found[r].values[i] = -1.0f;
        found[r].ids[i] = -1;
      }
    for (size_t p = 0; p < panels; p++) {
      const size_t count = min_size(PANEL, classes - p * PANEL);
      for (size_t r = 0; r < rows; r++) {
        const float *line = F32(base, x->probabilities) + p * stride + (row + r) * PANEL;
        const vf least = vset(found[r].values[RANKS - 1]);
        int reaches = 0;
        UNROLL for (int v = 0; v < PV; v++) reaches |= vreaches(vload(line + v * VL), least);
        if (!reaches) continue;
        for (size_t i = 0; i < count; i++)
          if (line[i] > found[r].values[RANKS - 1]) take_in(&found[r], line[i], (int32_t)(p * PANEL + i));
      }
    }
    for (size_t r = 0; r < rows; r++)
      for (int i = 0; i < RANKS; i++) I32(base, x->ids)[(row + r) * RANKS + (size_t)i] = found[r].ids[i];
  }
}
