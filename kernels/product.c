/*
 * Matrix products over packed panels. Every element is one chain of fused multiply-adds over k in rising
 * order that starts from its bias, its former value or zero, whatever tile it falls into: the bits do not
 * depend on the number of rows, on the blocking or on the vector width.
 */
#include "tile.h"

/* Panels of a block of A that are multiplied one behind the other. */
#define BLOCK_K_PANELS 32

INLINE void run_tile(const int rows, const int vectors, const product *p, enum product_start start,
                     size_t row, size_t vector, size_t k0, size_t k_panels, fetch ahead) {
  vf acc[TILE_ROWS][WIDE_VECTORS];
  const size_t first = (vector / PV), lane = (vector % PV) * VL;
  float *c = p->c + (first - p->c_panel) * p->c_stride + row * PANEL + lane;
  if (start == START_RESULT) {
    UNROLL for (int i = 0; i < rows; i++)
      UNROLL for (int j = 0; j < vectors; j++)
        acc[i][j] = vload(c + i * PANEL + vector_offset(j, p->c_stride));
  } else if (start == START_BIAS) {
    UNROLL for (int j = 0; j < vectors; j++) {
      const vf bias = vload(p->bias + (vector + (size_t)j) * VL);
      UNROLL for (int i = 0; i < rows; i++) acc[i][j] = bias;
    }
  } else if (start == START_GATHER) {
    const float *from = p->from + first * p->from_stride + lane;
    UNROLL for (int i = 0; i < rows; i++) {
      const float *source = from + (size_t)p->gather[row + (size_t)i] * PANEL;
      UNROLL for (int j = 0; j < vectors; j++)
        acc[i][j] = vload(source + vector_offset(j, p->from_stride));
    }
  } else {
    UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < vectors; j++) acc[i][j] = vzero();
  }
  tile(rows, vectors, p->a + k0 * p->a_stride + row * PANEL, p->a_stride,
       p->b + first * p->b_stride + lane + k0 * PANEL * PANEL, p->b_stride, k_panels, ahead, acc);
  UNROLL for (int i = 0; i < rows; i++)
    UNROLL for (int j = 0; j < vectors; j++)
      vstore(c + i * PANEL + vector_offset(j, p->c_stride), acc[i][j]);
}

#define TILE_CASE(n)                                                  \
  case n:                                                             \
    run_tile(n, vectors, p, start, row, vector, k0, k_panels, ahead); \
    break;

INLINE void run_rows(const int vectors, int rows, const product *p, enum product_start start,
                     size_t row, size_t vector, size_t k0, size_t k_panels, fetch ahead) {
#ifdef EACH_WIDE_HEIGHT
  if (vectors == WIDE_VECTORS) {
    switch (rows) { EACH_WIDE_HEIGHT(TILE_CASE) }
    return;
  }
#endif
  switch (rows) { EACH_HEIGHT(TILE_CASE) }
}

void KERNEL(multiply)(const product *p, size_t row0, size_t row1, size_t panel0, size_t panel1) {
  const size_t vectors = panel1 * PV;
  for (size_t block = row0; block < row1; block += BLOCK_ROWS) {
    const size_t block_end = min_size(row1, block + BLOCK_ROWS);
    for (size_t k0 = 0; k0 < p->k_panels; k0 += BLOCK_K_PANELS) {
      const size_t k_panels = min_size(p->k_panels - k0, BLOCK_K_PANELS);
      const enum product_start start = k0 == 0 ? p->start : START_RESULT;
      tile_shape tiles;
      for (size_t vector = panel0 * PV; vector < vectors; vector += tiles.vectors) {
        tiles = shape_tiles(vectors - vector, block_end - block);
        size_t row = block;
        const size_t after = vector + tiles.vectors;
        const float *next = after < vectors ? p->b + (after / PV) * p->b_stride + after % PV * VL : p->next;
        /* All tiles but the first find their columns of B in the cache: they have time to fetch the next ones. */
        const size_t step = tiles.count == 1 || next == 0 ? 0 : PANEL / min_size(tiles.count, PANEL);
        if (next != 0) next += k0 * PANEL * PANEL;
        for (size_t t = 0; t < tiles.count; t++) {
          const fetch ahead = {step == 0 ? p->b : next + t * k_panels * PANEL * step, step};
          const size_t left = block_end - row, share = tiles.count - t;
          const int rows = (int)((left + share - 1) / share);
          switch (tiles.vectors) {
#if TILE_VECTORS > PV
            case PV:
              run_rows(PV, rows, p, start, row, vector, k0, k_panels, ahead);
              break;
#endif
#if WIDE_VECTORS > TILE_VECTORS
            case WIDE_VECTORS:
              run_rows(WIDE_VECTORS, rows, p, start, row, vector, k0, k_panels, ahead);
              break;
#endif
            default:
              run_rows(TILE_VECTORS, rows, p, start, row, vector, k0, k_panels, ahead);
          }
          row += (size_t)rows;
        }
      }
    }
  }
}

typedef struct {
  double a, a_stride, b, b_stride, c, c_stride, bias, k_panels, n_panels, start;
  double row0, row1;
} product_args;

void KERNEL(product)(char *base, const double *args) {
  const product_args *x = (const product_args *)args;
  const product p = {
      .a = F32(base, x->a),
      .b = F32(base, x->b),
      .bias = F32(base, x->bias),
      .c = F32(base, x->c),
      .a_stride = (size_t)x->a_stride,
      .b_stride = (size_t)x->b_stride,
      .c_stride = (size_t)x->c_stride,
      .k_panels = (size_t)x->k_panels,
      .start = (enum product_start)x->start,
  };
  KERNEL(multiply)(&p, (size_t)x->row0, (size_t)x->row1, 0, (size_t)x->n_panels);
}
