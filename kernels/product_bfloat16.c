/* Matrix products of bfloat16 without instructions of their own: the order of sums that bfloat16.h tells, by multiply-adds of float32. */
#include "bfloat16.h"
#include "tile.h"

/* Rows of a block of A: half a megabyte of it, to stay in the second-level cache. */
#define PAIR_BLOCK_ROWS 252

/* Operands of a tile, from its first row and column on. */
typedef struct {
  const float *a, *b;
  size_t row, panel, lane;
} pair_operands;

/* A chain over the first `count` of a panel for each element of a tile; `left` has the rows of A unpacked. */
INLINE void chain(const int rows, const int vectors, const int is_second, const float left[TILE_ROWS][PANEL], const float *b,
                  size_t b_stride, size_t count, vf sum[TILE_ROWS][TILE_VECTORS]) {
  UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < vectors; j++) sum[i][j] = vzero();
  UNROLL_TWICE for (size_t k = 0; k < count; k++) {
    vf column[TILE_VECTORS];
    if (!is_second) UNROLL for (int j = 0; j < vectors; j += PV) PREFETCH_NEAR(b + vector_offset(j, b_stride) + ROWS_AHEAD * PANEL);
    UNROLL for (int j = 0; j < vectors; j++) {
      const vf pair = vload(b + vector_offset(j, b_stride));
      column[j] = is_second ? second_of_pair(pair) : first_of_pair(pair);
    }
    UNROLL for (int i = 0; i < rows; i++) {
      const vf scale = vset(left[i][k]);
      UNROLL for (int j = 0; j < vectors; j++) sum[i][j] = vfma(scale, column[j], sum[i][j]);
    }
    b += PANEL;
  }
}

INLINE void run_tile(const int rows, const int vectors, const product *p, pair_operands x, float *c) {
  const size_t k_pairs = pairs_of(p->k_panels);
  float first[TILE_ROWS][PANEL], second[TILE_ROWS][PANEL];
  float pending[TILE_ROWS][TILE_VECTORS * VL], total[TILE_ROWS][TILE_VECTORS * VL];
  vf sum[TILE_ROWS][TILE_VECTORS];
  UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < vectors; j++) vstore(total[i] + j * VL, vzero());
  for (size_t pair = 0; pair < k_pairs; pair++) {
    UNROLL for (int i = 0; i < rows; i++)
      UNROLL for (int v = 0; v < PV; v++) {
        const vf line = vload(x.a + i * PANEL + v * VL);
        vstore(first[i] + v * VL, first_of_pair(line));
        vstore(second[i] + v * VL, second_of_pair(line));
      }
    /* Zeros at the end of a chain would change no bit. */
    const size_t last = pair + 1 == k_pairs && p->k_last > 0 ? p->k_last : 2 * PANEL;
    chain(rows, vectors, 0, first, x.b, p->b_stride, min_size(last, PANEL), sum);
    UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < vectors; j++) vstore(pending[i] + j * VL, sum[i][j]);
    chain(rows, vectors, 1, second, x.b, p->b_stride, last - min_size(last, PANEL), sum);
    UNROLL for (int i = 0; i < rows; i++)
      UNROLL for (int j = 0; j < vectors; j++) {
        const vf both = vadd(vload(pending[i] + j * VL), sum[i][j]);
        vstore(total[i] + j * VL, vadd(vload(total[i] + j * VL), both));
      }
    x.a += p->a_stride;
    x.b += PANEL * PANEL;
  }
  UNROLL for (int i = 0; i < rows; i++)
    UNROLL for (int j = 0; j < vectors; j++) {
      float *to = c + i * PANEL + vector_offset(j, p->c_stride);
      const size_t panel = x.panel + (size_t)(j / PV), lane = x.lane + (size_t)(j % PV) * VL;
      vstore(to, started(p, x.row + (size_t)i, panel, lane, to, vload(total[i] + j * VL)));
    }
}

#define PAIR_TILE(n)               \
  case n:                          \
    run_tile(n, vectors, p, x, c); \
    break;

INLINE void run_rows(const int vectors, int rows, const product *p, pair_operands x, float *c) {
  switch (rows) { EACH_HEIGHT(PAIR_TILE) }
}

void KERNEL(multiply_pairs)(const product *p, size_t row0, size_t row1, size_t panel0, size_t panel1) {
#ifdef LOCKSTEP_AMX
  if (lockstep_uses_amx) {
    KERNEL(multiply_pairs_amx)(p, row0, row1, panel0, panel1);
    return;
  }
#endif
  const size_t vectors = panel1 * PV;
  for (size_t block = row0; block < row1; block += PAIR_BLOCK_ROWS) {
    const size_t block_end = min_size(row1, block + PAIR_BLOCK_ROWS);
    const size_t tiles = (block_end - block + TILE_ROWS - 1) / TILE_ROWS;
    for (size_t vector = panel0 * PV; vector < vectors; vector += TILE_VECTORS) {
      const size_t panel = vector / PV, lane = vector % PV * VL;
      float *c = p->c + (panel - p->c_panel) * p->c_stride + lane;
      size_t row = block;
      for (size_t t = 0; t < tiles; t++) {
        const size_t share = tiles - t;
        const int rows = (int)((block_end - row + share - 1) / share);
        const pair_operands x = {p->a + row * PANEL, p->b + panel * p->b_stride + lane, row, panel, lane};
#if TILE_VECTORS > PV
        if (vectors - vector < TILE_VECTORS) run_rows(PV, rows, p, x, c + row * PANEL);
        else
#endif
          run_rows(TILE_VECTORS, rows, p, x, c + row * PANEL);
        row += (size_t)rows;
      }
    }
  }
}

typedef struct {
  double a, a_stride, b, b_stride, c, c_stride, bias, k_pairs, n_panels, start;
  double row0, row1;
} pair_product_args;

void KERNEL(product_bfloat16)(char *base, const double *args) {
  const pair_product_args *x = (const pair_product_args *)args;
  const product p = {
      .a = F32(base, x->a),
      .b = F32(base, x->b),
      .bias = F32(base, x->bias),
      .c = F32(base, x->c),
      .a_stride = (size_t)x->a_stride,
      .b_stride = (size_t)x->b_stride,
      .c_stride = (size_t)x->c_stride,
      .k_panels = 2 * (size_t)x->k_pairs,
      .start = (enum product_start)x->start,
  };
  KERNEL(multiply_pairs)(&p, (size_t)x->row0, (size_t)x->row1, 0, (size_t)x->n_panels);
}
