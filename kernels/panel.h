/*
 * The one matrix layout of the project. A panel matrix of R rows and C columns is stored as ceil(C / 16)
 * panels, each [rows][16] floats: element (row, column) lies at (column / 16) * rows * 16 + row * 16 + column % 16.
 * Columns beyond C are zero. Weights, activations and gradients of activations all have it, and it serves
 * every operand of every product without a copy:
 *   - as left operand, a tile of rows reads whole cache lines that lie side by side;
 *   - as right operand, its rows are the packed panels that a microkernel streams;
 *   - with the token dimension as the sum (weight gradients), both operands are read panel by panel.
 *
 * Arguments of kernels are structs of doubles: byte offsets into the heap and counts, all exact.
 */
#ifndef LOCKSTEP_PANEL_H
#define LOCKSTEP_PANEL_H

#include "simd.h"

#define F32(base, offset) ((float *)((base) + (size_t)(offset)))
#define F64(base, offset) ((double *)((base) + (size_t)(offset)))
#define I32(base, offset) ((int32_t *)((base) + (size_t)(offset)))

INLINE size_t min_size(size_t a, size_t b) { return a < b ? a : b; }

/* Where a vector of a row begins, panels being `stride` floats apart. */
INLINE size_t vector_offset(int vector, size_t stride) {
  return (size_t)(vector / PV) * stride + (size_t)(vector % PV) * VL;
}

/* Tiles of TILE_ROWS x TILE_VECTORS accumulators fill the registers of each instruction set. */
#if VL == 16
#define TILE_ROWS 14
#define TILE_VECTORS 2
#elif defined(__aarch64__)
#define TILE_ROWS 8
#define TILE_VECTORS 2
#elif VL == 8
#define TILE_ROWS 6
#define TILE_VECTORS 2
#else
#define TILE_ROWS 4
#define TILE_VECTORS 2
#endif

/*
 * Tiles of wide vectors have few loads to spare beside their multiply-adds, and what counts a loop and fetches takes the place of these:
 * their loops go by twos. With narrower vectors that is slower.
 */
#if VL != 16
#define UNROLL_TWICE
#elif defined(__clang__)
#define UNROLL_TWICE _Pragma("clang loop unroll_count(2)")
#else
#define UNROLL_TWICE _Pragma("GCC unroll 2")
#endif

/* How the sum of a product's element starts. */
enum product_start { START_ZERO = 0, START_BIAS = 1, START_RESULT = 2, START_GATHER = 3 };

/*
 * Lines of a panel that are needed after a product: a list of rows, in the order of the product's own. They lie far apart, so that
 * no hardware prefetcher sees them.
 */
typedef struct {
  const float *panel;
  const int32_t *rows;
} scattered_lines;

/*
 * Operands of one product C[rows, n] = start + A[rows, k] B[k, n], all panel matrices; strides in floats.
 * With START_GATHER row r starts from row gather[r] of the panel matrix `from`.
 */
typedef struct {
  const float *a, *b, *bias, *from;
  const int32_t *gather;
  float *c;
  size_t a_stride, b_stride, c_stride, from_stride;
  size_t k_panels;
  size_t k_last;  /* in bfloat16: of the last pair of panels so many of k are not all zeros; 0: any may be others */
  size_t c_panel; /* panel that c begins with */
  const float *next; /* panels of B that the next call begins with, or 0 */
  const scattered_lines *later; /* what is fetched meanwhile, one of these with each panel of k of each column of tiles */
  size_t later_count;
  enum product_start start;
  int is_near;   /* whether B is in the second-level cache: see rests_near */
  int is_paired; /* whether A and B are in bfloat16, for those who multiply either: see bfloat16.h */
} product;

/*
 * Whether weights that are read again and again stay in the second-level cache meanwhile. Where vectors are narrower, fetching them
 * anyway costs nothing.
 */
INLINE int rests_near(size_t k_panels, size_t panels) {
  return VL == 16 && k_panels * panels * PANEL * PANEL * sizeof(float) <= 5 << 18;
}

/* Computes rows [row0, row1) of the columns of panels [panel0, panel1). */
void KERNEL(multiply)(const product *p, size_t row0, size_t row1, size_t panel0, size_t panel1);

#endif
