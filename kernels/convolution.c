/*
 * Convolution along the tokens of a row: of every place the product of what its taps see with their weights, one chain of fused
 * multiply-adds over taps and inputs (windows.h). On the way back a place's gradient is such a product too, of the gradients of
 * all places that see it.
 *
 * PyTorch has the weights of a tap apart from each other, [channels][inputs][taps]; the two kernels at the end go to and fro.
 */
#include "tile.h"
#include "windows.h"

#define MOST_TAPS 32

typedef struct {
  windows windows;
  double weight, weight_stride, tap_stride; /* [out_panels][16 panels][16]: of the first tap; from panel to panel, from tap to tap */
  double out, out_stride, out_panels;       /* [out_panels][places][16] */
  double bias;                              /* [16 out_panels], or 0 */
  double start;
  double row0, row1;
} convolve_args;

/* What a tile's rows see at one tap: if it lies one behind the other, from where on. */
typedef struct {
  int is_whole;
  sight rows[TILE_ROWS];
} tile_sight;

static void look(char *base, const windows *x, size_t row, int rows, tile_sight *seen) {
  const int32_t places = (int32_t)x->places;
  for (size_t tap = 0; tap < (size_t)x->taps; tap++, seen++) {
    const int32_t *sources = list_of(base, x, x->sources, tap) + row;
    const int reach = list_of(base, x, x->reach, tap)[row];
    seen->is_whole = reach >= rows && sources[0] >= 0 && sources[0] < places;
    for (int i = 0; i < (seen->is_whole ? 1 : rows); i++) seen->rows[i] = see(base, x, sources[i]);
  }
}

/* Operands of the tiles of some rows and columns; what they fetch for later. */
typedef struct {
  const tile_sight *seen;
  size_t taps, panels;
  const float *weight, *bias;
  size_t weight_stride, tap_stride, out_stride;
  enum product_start start;
  fetch ahead;
} tile_operands;

INLINE void run_tile(const int rows, const int vectors, const tile_operands *x, float *out) {
  vf acc[TILE_ROWS][WIDEST_VECTORS];
  /* Results of the tile below: they are not in the caches. */
  UNROLL for (int i = 0; i < rows; i++)
    UNROLL for (int j = 0; j < vectors; j += PV)
      PREFETCH_NEAR(out + (rows + i) * PANEL + vector_offset(j, x->out_stride));
  begin_tile(rows, vectors, x->start, out, x->out_stride, x->bias, acc);
  /* Rows of a panel that do not lie one behind the other, side by side; two in turns, since one is still being read. */
  float collected[2][TILE_ROWS][PANEL] __attribute__((aligned(64)));
  for (size_t tap = 0; tap < x->taps; tap++) {
    const tile_sight *seen = &x->seen[tap];
    const size_t together = seen->is_whole ? x->panels : 1;
    const float *weight = x->weight + tap * x->tap_stride;
    fetch ahead = {.from = x->ahead.from + (x->ahead.step == 0 ? 0 : tap * x->tap_stride), .step = x->ahead.step};
    for (size_t panel = 0; panel < x->panels; panel += together) {
      const float *a = seen->rows[0].columns;
      if (!seen->is_whole) {
        a = collected[panel % 2][0];
        UNROLL for (int i = 0; i < rows; i++) {
          const float *from = seen->rows[i].columns + panel * seen->rows[i].step;
          UNROLL for (int v = 0; v < PV; v++) vstore(collected[panel % 2][i] + v * VL, vload(from + v * VL));
        }
      }
      tile(rows, vectors, a, seen->rows[0].step, weight, x->weight_stride, together, ahead, acc);
      weight += PANEL * PANEL;
      ahead.from += PANEL * ahead.step;
    }
  }
  store_tile(rows, vectors, out, x->out_stride, acc);
}

#include "tile_shapes.h"

/* out[rows, n] = start + sum over taps of what they see [rows, k] weight[tap][k, n]. */
void KERNEL(convolve)(char *base, const double *args) {
  const convolve_args *x = (const convolve_args *)args;
  const size_t row1 = (size_t)x->row1, vectors = (size_t)x->out_panels * PV;
  const size_t weight_stride = (size_t)x->weight_stride, out_stride = (size_t)x->out_stride;
  tile_sight seen[MOST_TAPS];
  tile_operands operands = {
      .seen = seen,
      .taps = (size_t)x->windows.taps,
      .panels = (size_t)x->windows.panels,
      .weight_stride = weight_stride,
      .tap_stride = (size_t)x->tap_stride,
      .out_stride = out_stride,
      .start = (enum product_start)x->start,
  };
  for (size_t block = (size_t)x->row0; block < row1; block += BLOCK_ROWS) {
    const size_t block_end = min_size(row1, block + BLOCK_ROWS);
    tile_shape tiles;
    for (size_t vector = 0; vector < vectors; vector += tiles.vectors) {
      tiles = shape_tiles(vectors - vector, block_end - block, operands.taps * operands.panels);
      const size_t after = vector + tiles.vectors, lane = vector % PV * VL;
      const size_t step = tiles.count == 1 || after >= vectors ? 0 : PANEL / min_size(tiles.count, PANEL);
      operands.weight = F32(base, x->weight) + vector / PV * weight_stride + lane;
      operands.bias = F32(base, x->bias) + vector * VL;
      float *out = F32(base, x->out) + vector / PV * out_stride + lane;
      size_t row = block;
      for (size_t t = 0; t < tiles.count; t++) {
        const size_t left = block_end - row, share = tiles.count - t;
        const int rows = (int)((left + share - 1) / share);
        look(base, &x->windows, row, rows, seen);
        operands.ahead = (fetch){.from = operands.weight, .step = step};
        if (step > 0)
          operands.ahead.from = F32(base, x->weight) + after / PV * weight_stride + after % PV * VL +
                                t * operands.panels * PANEL * step;
        run_shape(tiles.vectors, rows, &operands, out + row * PANEL);
        row += (size_t)rows;
      }
    }
  }
}

typedef struct {
  double weight, weight_columns; /* [channels][weight_columns]: inputs x taps, and what fills up a gradient's last panel */
  double tapped;                 /* [channels][taps][16 ceil(inputs / 16)] */
  double channels, inputs, taps;
  double unit0, unit1; /* of 16 channels */
} taps_args;

/* Of one channel; with a known number of taps nothing is left but loads and stores. */
INLINE void move_channel(float *weight, float *tapped, size_t inputs, const size_t taps, size_t padded, const int apart) {
  for (size_t i = 0; !apart && i < inputs; i++)
    for (size_t tap = 0; tap < taps; tap++) weight[i * taps + tap] = tapped[tap * padded + i];
  for (size_t tap = 0; apart && tap < taps; tap++) {
    for (size_t i = 0; i < inputs; i++) tapped[tap * padded + i] = weight[i * taps + tap];
    for (size_t i = inputs; i < padded; i++) tapped[tap * padded + i] = 0.0f;
  }
}

INLINE void move_taps(char *base, const double *args, const int apart) {
  const taps_args *x = (const taps_args *)args;
  const size_t inputs = (size_t)x->inputs, taps = (size_t)x->taps;
  const size_t padded = (inputs + PANEL - 1) / PANEL * PANEL;
  const size_t end = min_size((size_t)x->channels, (size_t)x->unit1 * PANEL);
  for (size_t channel = (size_t)x->unit0 * PANEL; channel < end; channel++) {
    float *weight = F32(base, x->weight) + channel * (size_t)x->weight_columns;
    float *tapped = F32(base, x->tapped) + channel * taps * padded;
    switch (taps) {
      case 2:
        move_channel(weight, tapped, inputs, 2, padded, apart);
        break;
      case 3:
        move_channel(weight, tapped, inputs, 3, padded, apart);
        break;
      case 4:
        move_channel(weight, tapped, inputs, 4, padded, apart);
        break;
      case 5:
        move_channel(weight, tapped, inputs, 5, padded, apart);
        break;
      default:
        move_channel(weight, tapped, inputs, taps, padded, apart);
    }
  }
}

void KERNEL(part_taps)(char *base, const double *args) { move_taps(base, args, 1); }
void KERNEL(join_taps)(char *base, const double *args) { move_taps(base, args, 0); }
