/*
 * Masks over parameters, drawn anew in every step as dropout's are: of whole rows of an embedding, keyed by token (Merity et al.
 * 2017), and of single weights, keyed by row and column (DropConnect: Wan et al. 2013).
 */
#include "philox.h"
#include "rows.h"

/* What all masks follow from. */
typedef struct {
  double threshold, scale; /* dropped are those whose 16 random bits are below; the others are multiplied by it */
  double seed, stream;     /* key */
  double step;             /* double [1]: the step under way */
} mask_args;

typedef struct {
  double matrix, stride, panels; /* [panels][rows][16] */
  double numbers;                /* int32 [rows]: what each row's draw is keyed by */
  mask_args mask;
  double row0, row1;
} drop_rows_args;

void KERNEL(drop_rows)(char *base, const double *args) {
  const drop_rows_args *x = (const drop_rows_args *)args;
  const words none = {0}, step = none + (uint32_t)F64(base, x->mask.step)[0];
  const words stream = none + (uint32_t)x->mask.stream;
  const uint64_t threshold = (uint64_t)x->mask.threshold;
  const int32_t *numbers = I32(base, x->numbers);
  const size_t row1 = (size_t)x->row1;
  for (size_t row = (size_t)x->row0; row < row1; row += COUNTERS) {
    uint64_t random[COUNTERS][2];
    words number = none;
    UNROLL for (size_t i = 0; i < COUNTERS; i++) LANE(number, i) = (uint32_t)numbers[min_size(row + i, row1 - 1)];
    philox(number, none, step, stream, (uint32_t)x->mask.seed, MASK_KEY, random);
    for (size_t i = 0; i < COUNTERS && row + i < row1; i++) {
      const int dropped = (random[i][0] & 0xffff) < threshold;
      const vf scale = vset((float)x->mask.scale);
      for (size_t panel = 0; panel < (size_t)x->panels; panel++) {
        float *at = F32(base, x->matrix) + panel * (size_t)x->stride + (row + i) * PANEL;
        UNROLL for (int v = 0; v < PV; v++) vstore(at + v * VL, dropped ? vzero() : vmul(vload(at + v * VL), scale));
      }
    }
  }
}

typedef struct {
  double in, in_stride, out, out_stride; /* row-major, rows so many floats apart; may be the same */
  double columns;
  row_map rows;
  mask_args mask;
  double squares;                        /* double [units]: sum of squares of each unit's rows, biases included; or 0 */
  double bias, bias_copies;              /* float [rows] or 0, and how many bias vectors have these values */
  double unit0, unit1;
} drop_weights_args;

/* Elements that are drawn together. */
#define DRAWN (8 * COUNTERS < PANEL ? PANEL : 8 * COUNTERS)

/* Draws for columns from `column` on. */
INLINE void draw(uint64_t random[DRAWN / 8][2], const mask_args *x, uint32_t step, size_t row, size_t column) {
  const words none = {0};
  UNROLL for (size_t first = 0; first < DRAWN / 8; first += COUNTERS) {
    words group = none;
    UNROLL for (size_t i = 0; i < COUNTERS; i++) LANE(group, i) = column / 8 + first + i;
    philox(none + (uint32_t)row, group, none + step, none + (uint32_t)x->stream, (uint32_t)x->seed, MASK_KEY,
           random + first);
  }
}

void KERNEL(drop_weights)(char *base, const double *args) {
  const drop_weights_args *x = (const drop_weights_args *)args;
  const size_t columns = (size_t)x->columns, in_stride = (size_t)x->in_stride, out_stride = (size_t)x->out_stride;
  const uint32_t step = (uint32_t)F64(base, x->mask.step)[0];
  const int32_t threshold = (int32_t)x->mask.threshold;
  const float scale = (float)x->mask.scale;
  for (size_t unit = (size_t)x->unit0; unit < (size_t)x->unit1; unit++) {
    const unit_rows rows = rows_of_unit(&x->rows, unit);
    double lanes[PANEL] = {0};
    for (size_t row = rows.row; row < rows.row + rows.count; row++) {
      const float *in = F32(base, x->in) + row * in_stride;
      float *out = F32(base, x->out) + row * out_stride;
      for (size_t column = 0; column < columns; column += DRAWN) {
        union {
          uint64_t words[DRAWN / 8][2];
          uint16_t draws[DRAWN];
        } random;
        draw(random.words, &x->mask, step, row, column);
        for (size_t c = column; c < min_size(columns, column + DRAWN); c += PANEL) {
          const uint16_t *draws = random.draws + (c - column);
          if (c + PANEL <= columns) {
            drop(in + c, out + c, draws, threshold, vset(scale));
          } else {
            for (size_t i = c; i < columns; i++) out[i] = draws[i - c] < threshold ? 0.0f : in[i] * scale;
          }
          if (x->squares == 0) continue;
          if (c + PANEL <= columns) {
            UNROLL for (int v = 0; v < PV; v++) vsquares(lanes + v * VL, vload(out + c + v * VL));
          } else {
            for (size_t i = c; i < columns; i++) lanes[i - c] += (double)out[i] * (double)out[i];
          }
        }
      }
    }
    if (x->squares == 0) continue;
    double sum = 0, biases = 0;
    for (int i = 0; i < PANEL; i++) sum += lanes[i];
    for (size_t i = 0; x->bias != 0 && i < rows.count; i++) {
      const double value = F32(base, x->bias)[rows.row + i];
      biases += value * value;
    }
    F64(base, x->squares)[unit] = sum + x->bias_copies * biases;
  }
}
