/*
 * Convolution along the tokens of a row as convolution.c has it, of bfloat16. What the taps see of a block of places is rounded and laid side by
 * side, as a left operand of products (bfloat16.h): of all taps together, where the packed weight has their inputs one behind the other, or of
 * one tap after another, whose products are added to what there is in that order.
 */
#include "bfloat16.h"
#include "windows.h"

/* Places of a block: what their taps see is to stay in the second-level cache. The scratch that it lies in has room for them (convolution-bfloat16.ts). */
#define SEEN_ROWS 64

typedef struct {
  windows windows;
  double weight, weight_stride, tap_stride; /* pairs [out_panels][16 pairs][16]: of the first tap; from tap to tap, 0: of all together */
  double out, out_stride, out_panels;       /* [out_panels][places][16] */
  double bias;                              /* [16 out_panels], or 0 */
  double start;
  double scratch; /* [pairs of what is laid side by side][64][16] */
  double row0, row1;
} convolve_pairs_args;

/* Lays panels [first, last) of all that the taps see of some places side by side; a last one alone has zeros beside it. */
INLINE void lay_out(char *base, const windows *x, size_t row, size_t rows, size_t first, size_t last, float *pairs) {
  const size_t panels = (size_t)x->panels;
  for (size_t panel = first; panel < last; panel += 2, pairs += SEEN_ROWS * PANEL) {
    const int is_alone = panel + 1 == last;
    const int32_t *sources[2] = {list_of(base, x, x->sources, panel / panels) + row,
                                 list_of(base, x, x->sources, (is_alone ? panel : panel + 1) / panels) + row};
    for (size_t r = 0; r < rows; r++) {
      const float *columns[2] = {NOTHING, NOTHING};
      for (size_t i = 0; i < 2 - (size_t)is_alone; i++) {
        const sight seen = see(base, x, sources[i][r]);
        columns[i] = seen.columns + (panel + i) % panels * seen.step;
      }
      UNROLL for (int v = 0; v < PV; v++)
        vstore(pairs + r * PANEL + v * VL, pair_words(vload(columns[0] + v * VL), vload(columns[1] + v * VL)));
    }
  }
}

void KERNEL(convolve_bfloat16)(char *base, const double *args) {
  const convolve_pairs_args *x = (const convolve_pairs_args *)args;
  const size_t panels = (size_t)x->windows.panels, taps = (size_t)x->windows.taps, row1 = (size_t)x->row1;
  const size_t width = x->tap_stride == 0 ? taps * panels : panels;
  float *seen = F32(base, x->scratch);
  for (size_t row = (size_t)x->row0; row < row1; row += SEEN_ROWS) {
    const size_t rows = min_size(SEEN_ROWS, row1 - row);
    product p = {
        .a = seen,
        .a_stride = SEEN_ROWS * PANEL,
        .b = F32(base, x->weight),
        .b_stride = (size_t)x->weight_stride,
        .bias = F32(base, x->bias),
        .c = F32(base, x->out) + row * PANEL,
        .c_stride = (size_t)x->out_stride,
        .k_panels = width,
        .start = (enum product_start)x->start,
    };
    for (size_t panel = 0; panel < taps * panels; panel += width) {
      lay_out(base, &x->windows, row, rows, panel, panel + width, seen);
      KERNEL(multiply_pairs)(&p, 0, rows, 0, (size_t)x->out_panels);
      p.b += (size_t)x->tap_stride;
      p.start = START_RESULT;
    }
  }
}
