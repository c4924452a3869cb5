/*
 * The inner loop of products: a tile of rows by vectors of accumulators that stays in the registers while it walks over k. Tiles
 * cannot be seen in the results: each element is a chain of its own.
 */
#ifndef LOCKSTEP_TILE_H
#define LOCKSTEP_TILE_H

#include "panel.h"

/*
 * Three vectors that are left over behind pairs are one tile, less high: a single one would load a vector of B and an element of A
 * for every two multiply-adds. Four are one where their columns of B stay in the first-level cache for all tiles: it has the fewest
 * loads.
 */
#if VL == 16
#define WIDE_VECTORS 3
#define WIDE_ROWS 9
#define WIDEST_VECTORS 4
#define WIDEST_ROWS 6
#define WIDEST_K_PANELS 8
#define EACH_HEIGHT(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#define EACH_WIDE_HEIGHT(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9)
#define EACH_WIDEST_HEIGHT(X) X(1) X(2) X(3) X(4) X(5) X(6)
#else
#define WIDE_VECTORS TILE_VECTORS
#define WIDE_ROWS TILE_ROWS
#define WIDEST_VECTORS TILE_VECTORS
#define WIDEST_ROWS TILE_ROWS
#define WIDEST_K_PANELS 0
#if TILE_ROWS == 8
#define EACH_HEIGHT(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#elif TILE_ROWS == 6
#define EACH_HEIGHT(X) X(1) X(2) X(3) X(4) X(5) X(6)
#else
#define EACH_HEIGHT(X) X(1) X(2) X(3) X(4)
#endif
#endif

/* Rows of a block of A: about half a megabyte, to stay in the second-level cache. */
#define BLOCK_ROWS 252

/* Rows of B that are fetched before they are needed: B seldom fits into the first-level cache. */
#define ROWS_AHEAD 16

/*
 * What a tile fetches into the second-level cache for later: its part of the next columns of B. From nowhere, it fetches nothing of B,
 * not even its own columns into the first-level cache.
 */
typedef struct {
  const float *from;
  size_t step;
  const scattered_lines *later; /* and for what follows the product, one with each panel of k, from `row` on */
  size_t later_count, row;
} fetch;

/* How wide the next tiles of a block are, and how many of nearly equal height they are: one of a single row would run at a fraction of the speed. */
typedef struct {
  size_t vectors, count;
} tile_shape;

INLINE tile_shape shape_tiles(size_t vectors_left, size_t rows, size_t k_panels) {
  /* Of five, three are left over behind a pair. */
  if (k_panels <= WIDEST_K_PANELS && vectors_left >= WIDEST_VECTORS && vectors_left != WIDEST_VECTORS + 1)
    return (tile_shape){WIDEST_VECTORS, (rows + WIDEST_ROWS - 1) / WIDEST_ROWS};
  const int wide = WIDE_VECTORS > TILE_VECTORS && vectors_left == WIDE_VECTORS && rows > TILE_ROWS;
  const size_t height = wide ? WIDE_ROWS : TILE_ROWS;
  return (tile_shape){wide ? WIDE_VECTORS : min_size(vectors_left, TILE_VECTORS), (rows + height - 1) / height};
}

/* What a tile's sums start from: what lies at its place, its biases or zeros. */
INLINE void begin_tile(const int rows, const int vectors, enum product_start start, const float *c, size_t c_stride,
                       const float *bias, vf acc[TILE_ROWS][WIDEST_VECTORS]) {
  if (start == START_RESULT) {
    UNROLL for (int i = 0; i < rows; i++)
      UNROLL for (int j = 0; j < vectors; j++) acc[i][j] = vload(c + i * PANEL + vector_offset(j, c_stride));
  } else if (start == START_BIAS) {
    UNROLL for (int j = 0; j < vectors; j++) {
      const vf each = vload(bias + j * VL);
      UNROLL for (int i = 0; i < rows; i++) acc[i][j] = each;
    }
  } else {
    UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < vectors; j++) acc[i][j] = vzero();
  }
}

INLINE void store_tile(const int rows, const int vectors, float *c, size_t c_stride, vf acc[TILE_ROWS][WIDEST_VECTORS]) {
  UNROLL for (int i = 0; i < rows; i++)
    UNROLL for (int j = 0; j < vectors; j++) vstore(c + i * PANEL + vector_offset(j, c_stride), acc[i][j]);
}

/* A tile whose walk fetches ahead or not, which the compiler knows. */
INLINE void walk(const int fetches, const int rows, const int vectors, const float *a, size_t a_stride, const float *b,
                 size_t b_stride, size_t k_panels, fetch ahead, vf acc[TILE_ROWS][WIDEST_VECTORS]) {
  for (size_t panel = 0; panel < k_panels; panel++) {
    /* The next panel of A: a team's other members may have written it just now, then it is in their caches. */
    UNROLL for (int i = 0; i < rows; i++) PREFETCH_NEAR(a + a_stride + i * PANEL);
    if (panel < ahead.later_count) {
      const scattered_lines lines = ahead.later[panel];
      UNROLL for (int i = 0; i < rows; i++) PREFETCH(lines.panel + (size_t)lines.rows[ahead.row + (size_t)i] * PANEL);
    }
    UNROLL_TWICE for (int k = 0; k < PANEL; k++) {
      vf column[WIDEST_VECTORS];
      if (fetches) {
        /* Once for each cache line, however many vectors it has. */
        UNROLL for (int j = 0; j < vectors; j += PV) PREFETCH_NEAR(b + vector_offset(j, b_stride) + ROWS_AHEAD * PANEL);
        UNROLL for (int j = 0; j < vectors; j += PV) PREFETCH(ahead.from + vector_offset(j, b_stride));
        ahead.from += ahead.step;
      }
      UNROLL for (int j = 0; j < vectors; j++) column[j] = vload(b + vector_offset(j, b_stride));
      UNROLL for (int i = 0; i < rows; i++) {
        const vf left = vset(a[i * PANEL + k]);
        UNROLL for (int j = 0; j < vectors; j++) acc[i][j] = vfma(left, column[j], acc[i][j]);
      }
      b += PANEL;
    }
    a += a_stride;
  }
}

INLINE void tile(const int rows, const int vectors, const float *a, size_t a_stride, const float *b,
                 size_t b_stride, size_t k_panels, fetch ahead, vf acc[TILE_ROWS][WIDEST_VECTORS]) {
  if (VL == 16 && ahead.from == 0) walk(0, rows, vectors, a, a_stride, b, b_stride, k_panels, ahead, acc);
  else walk(1, rows, vectors, a, a_stride, b, b_stride, k_panels, ahead, acc);
}

#endif
