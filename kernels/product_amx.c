/*
 * Matrix products of bfloat16 through tiles of AMX, whose order of sums is the one that bfloat16.h tells. Tiles are configured and
 * released by each call: nobody else finds them in use, and where a thread has none the system has less of it to save.
 */
#include "bfloat16.h"

#ifdef LOCKSTEP_AMX

#define AMX __attribute__((target("amx-tile,amx-bf16,avx512f")))
#define TILE_HEIGHT 16 /* rows of a tile at most */
#define AMX_BLOCK_ROWS 256
#define LINE_BYTES (PANEL * sizeof(float))

/* The intrinsics do not tell the compiler what they read. */
#define MEMORY_IS_READ() __asm__ volatile("" ::: "memory")

typedef struct {
  uint8_t palette, start_row, reserved[14];
  uint16_t line_bytes[16];
  uint8_t rows[16];
} tile_config;

/* Tiles 0 and 1 (2 and 3) are sums of the upper (lower) rows, or 0 to 3 of the only ones; 4 and 5 those rows of A; 6 and 7 panels of B. */
AMX static void configure(size_t upper, size_t lower) {
  tile_config config = {.palette = 1};
  for (int t = 0; t < 8; t++) {
    const int is_lower = lower > 0 && (t == 2 || t == 3 || t == 5);
    config.line_bytes[t] = LINE_BYTES;
    config.rows[t] = (uint8_t)(t >= 6 ? TILE_HEIGHT : is_lower ? lower : upper);
  }
  MEMORY_IS_READ();
  _tile_loadconfig(&config);
}

/* Adds what sums have begun with, and puts them where they belong. */
AMX static void finish(const pair_product *p, const float *sums, size_t rows, float *c, const float *bias) {
  for (size_t i = 0; i < rows; i++) vstore(c + i * PANEL, started(p, c + i * PANEL, bias, vload(sums + i * PANEL)));
}

#define FINISH(tile, rows, row, panel)                                                                        \
  do {                                                                                                        \
    float *to = p->c + (panel) * p->c_stride + (row) * PANEL;                                                 \
    if (p->start == START_ZERO) {                                                                             \
      _tile_stored(tile, to, LINE_BYTES);                                                                     \
    } else {                                                                                                  \
      _tile_stored(tile, sums, LINE_BYTES);                                                                   \
      finish(p, sums, rows, to, p->start == START_BIAS ? p->bias + (panel) * PANEL : 0);                      \
    }                                                                                                         \
  } while (0)

/* Two tiles of rows by one or two panels. */
AMX static void square(const pair_product *p, size_t row, size_t upper, size_t lower, size_t panel, size_t panels) {
  float sums[TILE_HEIGHT * PANEL] __attribute__((aligned(64)));
  const float *a = p->a + row * PANEL, *b = p->b + panel * p->b_stride;
  const size_t a_stride = p->a_stride, b_stride = p->b_stride, below = upper * PANEL;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (size_t k = 0; k < p->k_pairs; k++, a += a_stride, b += PANEL * PANEL) {
    _tile_loadd(4, a, LINE_BYTES);
    _tile_loadd(6, b, LINE_BYTES);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(5, a + below, LINE_BYTES);
    _tile_dpbf16ps(2, 5, 6);
    if (panels > 1) {
      _tile_loadd(7, b + b_stride, LINE_BYTES);
      _tile_dpbf16ps(1, 4, 7);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  FINISH(0, upper, row, panel);
  FINISH(2, lower, row + upper, panel);
  if (panels > 1) {
    FINISH(1, upper, row, panel + 1);
    FINISH(3, lower, row + upper, panel + 1);
  }
}

/* One tile of rows by up to four panels. */
AMX static void strip(const pair_product *p, size_t row, size_t rows, size_t panel, size_t panels) {
  float sums[TILE_HEIGHT * PANEL] __attribute__((aligned(64)));
  const float *a = p->a + row * PANEL, *b = p->b + panel * p->b_stride;
  const size_t a_stride = p->a_stride, b_stride = p->b_stride;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (size_t k = 0; k < p->k_pairs; k++, a += a_stride, b += PANEL * PANEL) {
    _tile_loadd(4, a, LINE_BYTES);
    _tile_loadd(6, b, LINE_BYTES);
    _tile_dpbf16ps(0, 4, 6);
    if (panels < 2) continue;
    _tile_loadd(7, b + b_stride, LINE_BYTES);
    _tile_dpbf16ps(1, 4, 7);
    if (panels < 3) continue;
    _tile_loadd(6, b + 2 * b_stride, LINE_BYTES);
    _tile_dpbf16ps(2, 4, 6);
    if (panels < 4) continue;
    _tile_loadd(7, b + 3 * b_stride, LINE_BYTES);
    _tile_dpbf16ps(3, 4, 7);
  }
  FINISH(0, rows, row, panel);
  if (panels > 1) FINISH(1, rows, row, panel + 1);
  if (panels > 2) FINISH(2, rows, row, panel + 2);
  if (panels > 3) FINISH(3, rows, row, panel + 3);
}

AMX void KERNEL(multiply_pairs_amx)(const pair_product *p, size_t row0, size_t row1, size_t panel0, size_t panel1) {
  const size_t pair_rows = 2 * TILE_HEIGHT;
  MEMORY_IS_READ();
  for (size_t block = row0; block < row1; block += AMX_BLOCK_ROWS) {
    const size_t end = min_size(row1, block + AMX_BLOCK_ROWS), whole = (end - block) / pair_rows * pair_rows;
    if (whole > 0) configure(TILE_HEIGHT, TILE_HEIGHT);
    for (size_t panel = panel0; whole > 0 && panel < panel1; panel += 2)
      for (size_t row = block; row < block + whole; row += pair_rows)
        square(p, row, TILE_HEIGHT, TILE_HEIGHT, panel, min_size(2, panel1 - panel));
    const size_t row = block + whole, rest = end - row;
    if (rest == 0) continue;
    if (rest > TILE_HEIGHT) {
      configure(TILE_HEIGHT, rest - TILE_HEIGHT);
      for (size_t panel = panel0; panel < panel1; panel += 2)
        square(p, row, TILE_HEIGHT, rest - TILE_HEIGHT, panel, min_size(2, panel1 - panel));
    } else {
      configure(rest, 0);
      for (size_t panel = panel0; panel < panel1; panel += 4) strip(p, row, rest, panel, min_size(4, panel1 - panel));
    }
  }
  _tile_release();
}

#endif
