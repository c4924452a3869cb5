/*
 * Dropout with counter-based random numbers: whether an element is kept depends on (seed, layer, step, its place
 * in the batch) alone, so the backward pass draws the same mask again and no mask is stored.
 * A row of a panel takes two counters.
 */
#include "philox.h"

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

/* Rows of a panel that are drawn together. */
#define GROUP_ROWS ((COUNTERS + 1) / 2)

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
        philox(number, half, step, stream, (uint32_t)x->seed, MASK_KEY, random.words + first);
      }
      for (size_t r = 0; r < rows; r++)
        drop(in + (row + r) * PANEL, out + (row + r) * PANEL, random.draws[r], threshold, scale);
    }
  }
}
