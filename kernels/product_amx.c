/*
 * Matrix products of bfloat16 through tiles of AMX, whose order of sums is the one that bfloat16.h tells. Tiles stay configured from one
 * product to the next of a kernel, and are released behind it: nobody else finds them in use, and where a thread has none the system has
 * less of it to save.
 */
#include "bfloat16.h"

#ifdef LOCKSTEP_AMX

/* Whether the compiler knew the instructions: the set of instructions is offered only then. */
const int KERNEL(has_tiles) = 1;

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
  const int wanted = (int)(upper << 8 | lower);
  if (lockstep_tiles == wanted) return;
  lockstep_tiles = wanted;
  tile_config config = {.palette = 1};
  for (int t = 0; t < 8; t++) {
    const int is_lower = lower > 0 && (t == 2 || t == 3 || t == 5);
    config.line_bytes[t] = LINE_BYTES;
    config.rows[t] = (uint8_t)(t >= 6 ? TILE_HEIGHT : is_lower ? lower : upper);
  }
  MEMORY_IS_READ();
  _tile_loadconfig(&config);
}

/* Rows and panels of some tiles, and the first of the lines that they fetch for later. */
typedef struct {
  size_t row, upper, lower, panel, panels;
  size_t kept; /* rows before this one have been computed: they are not to be added to once more */
  size_t later;
} tiles;

/* Puts what sums have begun with, and them, where they belong. */
AMX static void finish(const product *p, const float *sums, size_t row, size_t rows, size_t kept, size_t panel) {
  float *c = p->c + (panel - p->c_panel) * p->c_stride;
  for (size_t r = row < kept ? kept : row; r < row + rows; r++)
    vstore(c + r * PANEL, started(p, r, panel, 0, c + r * PANEL, vload(sums + (r - row) * PANEL)));
}

#define FINISH(tile, first, rows, column)                                                                     \
  do {                                                                                                        \
    if (p->start == START_ZERO) {                                                                             \
      _tile_stored(tile, p->c + ((column) - p->c_panel) * p->c_stride + (first) * PANEL, LINE_BYTES);         \
    } else {                                                                                                  \
      _tile_stored(tile, sums, LINE_BYTES);                                                                   \
      finish(p, sums, first, rows, t.kept, column);                                                           \
    }                                                                                                         \
  } while (0)

/* What is fetched beside a pair of panels of k: two lines for each row. */
#define LINES_BESIDE 2

INLINE void fetch_lines(const product *p, const tiles *t, size_t k) {
  const size_t first = t->later + LINES_BESIDE * k, end = min_size(p->later_count, first + LINES_BESIDE);
  for (size_t n = first; n < end; n++)
    for (size_t r = t->row; r < t->row + t->upper + t->lower; r++)
      PREFETCH(p->later[n].panel + (size_t)p->later[n].rows[r] * PANEL);
}

/* Two tiles of rows by one or two panels. */
AMX static void square(const product *p, tiles t) {
  float sums[TILE_HEIGHT * PANEL] __attribute__((aligned(64)));
  const float *a = p->a + t.row * PANEL, *b = p->b + t.panel * p->b_stride;
  const size_t a_stride = p->a_stride, b_stride = p->b_stride, below = t.upper * PANEL, k_pairs = pairs_of(p->k_panels);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (size_t k = 0; k < k_pairs; k++, a += a_stride, b += PANEL * PANEL) {
    fetch_lines(p, &t, k);
    _tile_loadd(4, a, LINE_BYTES);
    _tile_loadd(6, b, LINE_BYTES);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(5, a + below, LINE_BYTES);
    _tile_dpbf16ps(2, 5, 6);
    if (t.panels > 1) {
      _tile_loadd(7, b + b_stride, LINE_BYTES);
      _tile_dpbf16ps(1, 4, 7);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  FINISH(0, t.row, t.upper, t.panel);
  FINISH(2, t.row + t.upper, t.lower, t.panel);
  if (t.panels > 1) {
    FINISH(1, t.row, t.upper, t.panel + 1);
    FINISH(3, t.row + t.upper, t.lower, t.panel + 1);
  }
}

/* One tile of rows by up to four panels. */
AMX static void strip(const product *p, tiles t) {
  float sums[TILE_HEIGHT * PANEL] __attribute__((aligned(64)));
  const float *a = p->a + t.row * PANEL, *b = p->b + t.panel * p->b_stride;
  const size_t a_stride = p->a_stride, b_stride = p->b_stride, k_pairs = pairs_of(p->k_panels);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (size_t k = 0; k < k_pairs; k++, a += a_stride, b += PANEL * PANEL) {
    fetch_lines(p, &t, k);
    _tile_loadd(4, a, LINE_BYTES);
    _tile_loadd(6, b, LINE_BYTES);
    _tile_dpbf16ps(0, 4, 6);
    if (t.panels < 2) continue;
    _tile_loadd(7, b + b_stride, LINE_BYTES);
    _tile_dpbf16ps(1, 4, 7);
    if (t.panels < 3) continue;
    _tile_loadd(6, b + 2 * b_stride, LINE_BYTES);
    _tile_dpbf16ps(2, 4, 6);
    if (t.panels < 4) continue;
    _tile_loadd(7, b + 3 * b_stride, LINE_BYTES);
    _tile_dpbf16ps(3, 4, 7);
  }
  FINISH(0, t.row, t.upper, t.panel);
  if (t.panels > 1) FINISH(1, t.row, t.upper, t.panel + 1);
  if (t.panels > 2) FINISH(2, t.row, t.upper, t.panel + 2);
  if (t.panels > 3) FINISH(3, t.row, t.upper, t.panel + 3);
}

/* Squares of a block have the same height, so that columns of B are read once for all: the last one begins with rows of the one before. */
AMX void KERNEL(multiply_pairs_amx)(const product *p, size_t row0, size_t row1, size_t panel0, size_t panel1) {
  MEMORY_IS_READ();
  for (size_t block = row0; block < row1; block += AMX_BLOCK_ROWS) {
    const size_t rows = min_size(row1 - block, AMX_BLOCK_ROWS), squares = (rows + 2 * TILE_HEIGHT - 1) / (2 * TILE_HEIGHT);
    const size_t height = (rows + squares - 1) / squares, is_low = height <= TILE_HEIGHT, width = is_low ? 4 : 2;
    tiles t = {.upper = is_low ? height : (height + 1) / 2, .lower = is_low ? 0 : height / 2};
    configure(t.upper, t.lower);
    for (t.panel = panel0; t.panel < panel1; t.panel += width, t.later += LINES_BESIDE * pairs_of(p->k_panels)) {
      t.panels = min_size(width, panel1 - t.panel);
      if (is_low) {
        t.row = t.kept = block;
        strip(p, t);
        continue;
      }
      for (size_t n = 0; n < squares; n++) {
        t.kept = block + n * height;
        t.row = min_size(t.kept, block + rows - height);
        square(p, t);
      }
    }
  }
}

AMX void KERNEL(release_tiles)(void) {
  lockstep_tiles = 0;
  _tile_release();
}

#elif defined(__x86_64__) && VL == 16
const int KERNEL(has_tiles) = 0;
void KERNEL(release_tiles)(void) {}
#endif
