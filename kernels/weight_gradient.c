/*
 * Gradient of a weight matrix, dW[m, n] = sum over tokens k of dY[k, m] X[k, n], with the sum in a fixed order:
 * tokens are divided into segments (the batch's shards), each is summed in rising order, and the segments'
 * sums are combined in one balanced binary tree. The tree is walked while the tiles are in the nearest caches:
 * after segment s the tile is added to the pending sums of its left neighbours, as a binary counter carries.
 *
 * A worker owns whole blocks of 16 rows of dW and walks every shard for them, so that no gradient exists twice,
 * nothing is combined between workers, and the result does not depend on how many there are.
 *
 * Of a convolution X is what its taps see, tap after tap, which is read where it lies (windows.h); where a tap sees nothing the
 * token adds nothing.
 */
#include "gradient_segment.h"

/* Units, each a panel of dY, handled together: they share a chunk of X while it is in the first-level cache. */
#define BLOCK_UNITS 2
/*
 * Tokens of a chunk: three panels of X take 192 bytes a token, and are to stay in the first-level cache, or little more: a segment that
 * is divided costs more than some of its lines coming from the second-level one.
 */
#define CHUNK_TOKENS 264
/* Where there are more, three panels of X of all of them are too much to be fetched while three others are multiplied. */
#define FEW_TOKENS 1024

typedef struct {
  gradient_rows r;
  double input, input_stride; /* [ceil(columns / 16)][tokens][16] */
  double order_input;         /* int32 [k]: row of the k-th token; 0: the k-th row */
  double runs;                /* int32 [k]: how many tokens from the k-th on lie one behind the other in both orders */
  double scratch;             /* float [12][32][48], double [32][16] */
  windows windows;            /* of `input`, by the places of order_input; no sources: X is `input` itself */
  double unit0, unit1;
} gradient_args;

/* A group of columns of X: its first vector within the input, and the tap that sees it. */
typedef struct {
  size_t vector, tap;
} column_group;

/* Whether a tile's rows are whole cache lines: parts of lines are not to be written past the caches. */
#define WHOLE_LINES (GRADIENT_VECTORS * VL % PANEL == 0)
/* Where the squares of a block are summed: behind the pending sums. */
#define SQUARES_PLACE (MAX_LEVELS * BLOCK_UNITS * PANEL * 48)

/* Tiles of a block, and one block's units: their rows of dW, their panels of dY, and what its tiles fetch for the next. */
#define BLOCK_TILES (BLOCK_UNITS * (PANEL / GRADIENT_ROWS))
typedef struct {
  size_t units;
  unit_rows rows[BLOCK_UNITS];
  const float *output[BLOCK_UNITS], *next[BLOCK_TILES];
} unit_block;

INLINE unit_block block_of(char *base, const gradient_args *x, size_t first) {
  const size_t end = (size_t)x->unit1;
  unit_block block = {.units = min_size(BLOCK_UNITS, end - first)};
  for (size_t u = 0; u < block.units; u++) {
    block.rows[u] = rows_of_unit(&x->r.rows, first + u);
    block.output[u] = output_panel(base, &x->r, first + u);
  }
  for (size_t t = 0; t < BLOCK_TILES; t++) {
    const size_t unit = first + BLOCK_UNITS + t;
    block.next[t] = unit < end ? output_panel(base, &x->r, unit) : block.output[0];
  }
  return block;
}

/*
 * Copies a finished tile into dW, and adds its squares to 16 float64 lanes for each row of the block: the order of these
 * sums does not depend on the shape of tiles.
 */
INLINE void finish_tile(const int vectors, char *base, const gradient_args *x, unit_rows rows, size_t sub,
                        size_t vector, const float *tile, double lanes[][PANEL]) {
  const size_t columns = (size_t)x->r.columns;
  float *out = F32(base, x->r.out) + (rows.row + sub) * columns + vector * VL;
  /* A convolution's are put in another order right behind. */
  const int streams = WHOLE_LINES && x->windows.sources == 0;
  for (size_t i = 0; i < GRADIENT_ROWS && sub + i < rows.count; i++) {
    const float *from = tile + i * GRADIENT_VECTORS * VL;
    float *to = out + i * columns;
    UNROLL for (int j = 0; j < vectors; j++)
      vsquares(lanes[i] + (vector + (size_t)j) % PV * VL, vload(from + j * VL));
    UNROLL for (int j = 0; j < vectors; j++) {
      if (streams) vstream(to + j * VL, vload(from + j * VL));
      else vstore(to + j * VL, vload(from + j * VL));
    }
  }
}

INLINE size_t taps_of(const gradient_args *x) { return x->windows.sources == 0 ? 1 : (size_t)x->windows.taps; }

INLINE const float *input_vector(char *base, const gradient_args *x, size_t vector) {
  return F32(base, x->input) + vector / PV * (size_t)x->input_stride + vector % PV * VL;
}

/*
 * How many vectors the next group of columns has: a tile of a single one would wait for its own sums, so that the last four are
 * two pairs.
 */
INLINE size_t group_width(size_t left) {
  if (GRADIENT_VECTORS == 3 && left == 4) return 2;
  return min_size(GRADIENT_VECTORS, left);
}

/*
 * What a tile fetches for later while it computes: nothing here is contiguous, so the processor's own prefetchers
 * are of no help. The first tiles of a block take what comes next of X, the columns from `wanted` on, the others, in the last group, the
 * panels of the next block.
 */
INLINE const float *data_ahead(char *base, const gradient_args *x, const unit_block *block, size_t tile,
                               size_t wanted, int is_last, size_t vectors, const int32_t **order) {
  if (tile < GRADIENT_VECTORS) {
    *order = x->order_input == 0 ? 0 : I32(base, x->order_input);
    return input_vector(base, x, wanted + tile < vectors ? wanted + tile : 0);
  }
  *order = x->r.order == 0 ? 0 : I32(base, x->r.order);
  return is_last ? block->next[tile - GRADIENT_VECTORS] : block->output[0];
}

/*
 * A block of units by one group of columns. Each tile walks all segments of a chunk before the
 * next tile does: what they share, the chunk of X, stays in the first-level cache.
 *
 * @param vectors of the input, or of each tap
 */
INLINE void gradient_block(const int width, char *base, const gradient_args *x, const unit_block *block,
                           column_group group, size_t vectors, double lanes[][PANEL]) {
  const int32_t *segments = I32(base, x->r.segments);
  const int32_t *order_a = x->r.order == 0 ? 0 : I32(base, x->r.order);
  const int32_t *order_b = x->order_input == 0 ? 0 : I32(base, x->order_input);
  const size_t count = (size_t)x->r.segment_count;
  const size_t tiles = block->units * (PANEL / GRADIENT_ROWS);
  const int sees = x->windows.sources != 0;
  const enum lookup lookup = sees ? SEEN : order_a != 0 || order_b != 0 ? ORDERED : PLAIN;
  const chunk_function sum = chunk_functions[width - 1][lookup];
  const size_t out_vector = group.tap * vectors + group.vector;
  column_group next = {group.vector + (size_t)width, group.tap};
  if (next.vector >= vectors) next = (column_group){0, group.tap + 1};
  const int is_last = next.tap == taps_of(x);

  size_t segment = 0;
  for (int32_t k = segments[0], chunk_end; segment < count; k = chunk_end) {
    /* As many whole segments as a chunk holds, or what is left of a long one in pieces of nearly equal length. */
    size_t last = segment;
    while (last < count && segments[last + 1] - k <= CHUNK_TOKENS) last++;
    const int whole = last > segment;
    if (!whole) last = segment + 1;
    const int32_t left = segments[last] - k, pieces = (left + CHUNK_TOKENS - 1) / CHUNK_TOKENS;
    chunk_end = whole ? segments[last] : k + (left + pieces - 1) / pieces;
    /* Of X the next chunk comes next, behind the last one the first one of the next group; where all fit, that group's same chunk. */
    const int few = segments[count] - segments[0] <= FEW_TOKENS, goes_on = !few && chunk_end < segments[count];
    const int32_t ahead_by = few ? 0 : goes_on ? chunk_end - k : segments[0] - k;
    for (size_t t = 0; t < tiles; t++) {
      const size_t unit = t / (PANEL / GRADIENT_ROWS), sub = t % (PANEL / GRADIENT_ROWS) * GRADIENT_ROWS;
      tile_operands operands = {
          .output = block->output[unit] + sub,
          .order_output = order_a,
          .order_input = order_b,
          .runs = x->runs == 0 ? 0 : I32(base, x->runs),
          .ahead_by = t < GRADIENT_VECTORS ? ahead_by : 0,
          .last_token = segments[count] - 1,
      };
      for (int j = 0; j < width; j++) operands.input[j] = input_vector(base, x, group.vector + (size_t)j);
      if (sees) {
        operands.base = base;
        operands.windows = &x->windows;
        operands.vector = (int)group.vector;
        operands.places = (int32_t)x->windows.places;
        operands.sources = list_of(base, &x->windows, x->windows.sources, group.tap);
        operands.reach = list_of(base, &x->windows, x->windows.reach, group.tap);
      }
      operands.ahead = data_ahead(base, x, block, t, goes_on ? group.vector : next.vector, is_last, vectors,
                                  &operands.order_ahead);
      float *pending = F32(base, x->scratch) + t * MAX_LEVELS * TILE_FLOATS;
      const float *result = sum(&operands, &(chunk){segments, k, chunk_end, segment, last, whole}, pending);
      if (whole && last == count)
        finish_tile(width, base, x, block->rows[unit], sub, out_vector, result, lanes + t * GRADIENT_ROWS);
    }
    if (whole) segment = last;
  }
}

void KERNEL(weight_gradient)(char *base, const double *args) {
  const gradient_args *x = (const gradient_args *)args;
  const size_t end = (size_t)x->unit1, taps = taps_of(x), vectors = (size_t)x->r.columns / VL / taps;
  double(*lanes)[PANEL] = (double(*)[PANEL])(F32(base, x->scratch) + SQUARES_PLACE);
  for (size_t first = (size_t)x->unit0; first < end; first += BLOCK_UNITS) {
    const unit_block block = block_of(base, x, first);
    for (size_t i = 0; i < BLOCK_UNITS * PANEL; i++)
      for (size_t l = 0; l < PANEL; l++) lanes[i][l] = 0;
    for (column_group group = {0, 0}; group.tap < taps; group.tap++) {
      size_t width;
      for (group.vector = 0; group.vector < vectors; group.vector += width) {
        width = group_width(vectors - group.vector);
        switch (width) {
          case 1:
            gradient_block(1, base, x, &block, group, vectors, lanes);
            break;
          case 2:
            gradient_block(2, base, x, &block, group, vectors, lanes);
            break;
#if GRADIENT_VECTORS > 2
          case 3:
            gradient_block(3, base, x, &block, group, vectors, lanes);
            break;
#endif
        }
      }
    }
    finish_units(base, &x->r, first, block.units, lanes, F32(base, x->scratch));
  }
  STREAM_END();
}
