/*
 * Matrix products over packed panels. Every element is one chain of fused multiply-adds over k in rising
 * order that starts from its bias, its former value or zero, whatever tile it falls into: the bits do not
 * depend on the number of rows, on the blocking or on the vector width.
 */
#include "tile.h"

/* Panels of a block of A that are multiplied one behind the other. */
#define BLOCK_K_PANELS 32

/* Of a column of tiles, those that share in fetching the next columns of B: a power of two. */
#define FETCHING_TILES (VL == 16 ? 4 : PANEL)

/* Operands of a tile, from its first row and column on; what it fetches for later. */
typedef struct {
  const float *a, *b, *bias, *from;
  const int32_t *gather;
  size_t a_stride, b_stride, c_stride, from_stride, k_panels;
  enum product_start start;
  fetch ahead;
} tile_operands;

INLINE void run_tile(const int rows, const int vectors, const tile_operands *x, float *c) {
  vf acc[TILE_ROWS][WIDEST_VECTORS];
  if (x->start == START_GATHER) {
    UNROLL for (int i = 0; i < rows; i++) {
      const float *source = x->from + (size_t)x->gather[i] * PANEL;
      UNROLL for (int j = 0; j < vectors; j++) acc[i][j] = vload(source + vector_offset(j, x->from_stride));
    }
  } else {
    begin_tile(rows, vectors, x->start, c, x->c_stride, x->bias, acc);
  }
  tile(rows, vectors, x->a, x->a_stride, x->b, x->b_stride, x->k_panels, x->ahead, acc);
  store_tile(rows, vectors, c, x->c_stride, acc);
}

#include "tile_shapes.h"

void KERNEL(multiply)(const product *p, size_t row0, size_t row1, size_t panel0, size_t panel1) {
  const size_t vectors = panel1 * PV;
  tile_operands x = {
      .a_stride = p->a_stride,
      .b_stride = p->b_stride,
      .c_stride = p->c_stride,
      .from_stride = p->from_stride,
  };
  for (size_t block = row0; block < row1; block += BLOCK_ROWS) {
    const size_t block_end = min_size(row1, block + BLOCK_ROWS);
    size_t fetched = 0;
    for (size_t k0 = 0; k0 < p->k_panels; k0 += BLOCK_K_PANELS) {
      x.k_panels = min_size(p->k_panels - k0, BLOCK_K_PANELS);
      x.start = k0 == 0 ? p->start : START_RESULT;
      tile_shape tiles;
      for (size_t vector = panel0 * PV; vector < vectors; vector += tiles.vectors) {
        tiles = shape_tiles(vectors - vector, block_end - block, p->k_panels);
        const size_t first = vector / PV, lane = vector % PV * VL, after = vector + tiles.vectors;
        float *c = p->c + (first - p->c_panel) * p->c_stride + lane;
        x.b = p->b + first * p->b_stride + lane + k0 * PANEL * PANEL;
        if (x.start == START_BIAS) x.bias = p->bias + vector * VL;
        if (x.start == START_GATHER) x.from = p->from + first * p->from_stride + lane;
        const float *next = after < vectors ? p->b + (after / PV) * p->b_stride + after % PV * VL : p->next;
        /* All tiles but the first find their columns of B in the cache: they have time to fetch the next ones. */
        const size_t fetching = p->is_near ? 0 : min_size(tiles.count, FETCHING_TILES);
        const size_t step = fetching <= 1 || next == 0 ? 0 : PANEL / fetching;
        if (next != 0) next += k0 * PANEL * PANEL;
        size_t row = block;
        for (size_t t = 0; t < tiles.count; t++) {
          const size_t left = block_end - row, share = tiles.count - t;
          const int rows = (int)((left + share - 1) / share);
          x.a = p->a + k0 * p->a_stride + row * PANEL;
          if (x.start == START_GATHER) x.gather = p->gather + row;
          const float *from = step == 0 ? p->b : next + t * x.k_panels * PANEL * step;
          x.ahead = (fetch){t < fetching || VL < 16 ? from : 0, step, p->later + fetched, p->later_count - fetched, row};
          run_shape(tiles.vectors, rows, &x, c + row * PANEL);
          row += (size_t)rows;
        }
        fetched = min_size(p->later_count, fetched + x.k_panels);
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
