/*
 * Gradient of a weight matrix as weight_gradient.c has it, of bfloat16: dW[m, n] = sum over tokens k of dY[k, m] X[k, n]. The tokens of a
 * segment are taken in groups of 32, of which k and k + 16 are a pair, the last group being filled up with zeros: so each segment is a
 * product as bfloat16.h tells, from zero, and the segments' sums are combined in the shards' tree.
 *
 * X is rounded once for all, by pair_tokens: each worker needs all of it. Of dY each packs what its units need: its rows become those of
 * the left operand.
 */
#include "bfloat16.h"
#include "gradient_rows.h"
#include "windows.h"

/*
 * Units, each a panel of dY, that share what is read of X; and panels of X whose sums stay in the first-level cache for them. The scratch has
 * room for so many (weight-gradient-bfloat16.ts).
 */
#define BLOCK_UNITS 8
#define BLOCK_PANELS 2
#define BLOCK_ROWS (BLOCK_UNITS * PANEL)
/* Rows of dY that are fetched before they are rounded: those of the next group, where they lie behind these. */
#define ROWS_AHEAD (2 * PANEL)
#define LEVEL_FLOATS (BLOCK_PANELS * BLOCK_ROWS * PANEL)

/* Lines of words for the tokens of a segment. */
INLINE size_t lines_of(const int32_t *segments, size_t s) {
  return ((size_t)(segments[s + 1] - segments[s]) + 2 * PANEL - 1) / (2 * PANEL) * PANEL;
}

INLINE vf pair_vectors(const float *first, const float *second) { return pair_words(vload(first), vload(second)); }

typedef struct {
  windows windows;                /* its input is X; no sources: X is the right operand itself, else what its taps see, tap after tap */
  double order;                   /* int32 [k]: row of X, or the place that sees, of the k-th token; 0: the k-th */
  double segments, segment_count; /* int32 [segment_count + 1] */
  double out, out_stride;         /* [taps x panels][lines][16] */
  double panel0, panel1;
} pair_tokens_args;

/* What is multiplied for a token, in a panel of X, or of what a tap sees of it. */
INLINE const float *input_row(char *base, const pair_tokens_args *x, const int32_t *sources, size_t panel, int32_t k) {
  const size_t at = (size_t)(x->order == 0 ? k : I32(base, x->order)[k]);
  if (sources == 0) return F32(base, x->windows.input) + panel * (size_t)x->windows.input_stride + at * PANEL;
  const sight seen = see(base, &x->windows, sources[at]);
  return seen.columns + panel * seen.step;
}

/* Packs panels [panel0, panel1) of X, or of what its taps see, as the right operand of weight gradients. */
void KERNEL(pair_tokens)(char *base, const double *args) {
  const pair_tokens_args *x = (const pair_tokens_args *)args;
  const int32_t *segments = I32(base, x->segments);
  const size_t panels = (size_t)x->windows.panels;
  for (size_t column = (size_t)x->panel0; column < (size_t)x->panel1; column++) {
    const int32_t *sources = x->windows.sources == 0 ? 0 : list_of(base, &x->windows, x->windows.sources, column / panels);
    float *out = F32(base, x->out) + column * (size_t)x->out_stride;
    for (size_t s = 0; s < (size_t)x->segment_count; s++)
      for (int32_t group = segments[s]; group < segments[s + 1]; group += 2 * PANEL)
        for (int32_t k = group; k < group + PANEL; k++, out += PANEL) {
          const float *first = k < segments[s + 1] ? input_row(base, x, sources, column % panels, k) : NOTHING;
          const float *second = k + PANEL < segments[s + 1] ? input_row(base, x, sources, column % panels, k + PANEL) : NOTHING;
          UNROLL for (int v = 0; v < PV; v++) vstore(out + v * VL, pair_vectors(first + v * VL, second + v * VL));
        }
  }
}

typedef struct {
  gradient_rows r;
  double input, input_stride; /* X as pair_tokens packs it: [panels][lines][16] */
  double scratch;             /* double [128][16], float [12][2][128][16], [lines][128][16] */
  double unit0, unit1;
} pair_gradient_args;

/* Units [first, first + units): how many rows, and where these are packed and summed. */
typedef struct {
  size_t first, units, rows;
  double (*lanes)[PANEL]; /* [rows][16] */
  float *pending;         /* sums of subtrees: [levels][panels][rows][16] */
  float *left;            /* pairs of tokens: [groups][rows][16] */
} pair_block;

/* Packs a unit's panel of dY: 16 rows of words for each group of tokens. */
INLINE void pack_left(char *base, const gradient_rows *x, const pair_block *block, size_t unit) {
  const int32_t *segments = I32(base, x->segments), *order = x->order == 0 ? 0 : I32(base, x->order);
  const float *output = output_panel(base, x, block->first + unit);
  float *to = block->left + unit * PANEL * PANEL;
  for (size_t s = 0; s < (size_t)x->segment_count; s++)
    for (int32_t group = segments[s]; group < segments[s + 1]; group += 2 * PANEL, to += block->rows * PANEL) {
      float lines[PANEL][PANEL] __attribute__((aligned(64)));
      for (int32_t i = 0; i < PANEL; i++) {
        const int32_t k = group + i, later = k + PANEL;
        const float *first = k < segments[s + 1] ? output + (size_t)(order ? order[k] : k) * PANEL : NOTHING;
        const float *second = later < segments[s + 1] ? output + (size_t)(order ? order[later] : later) * PANEL : NOTHING;
        PREFETCH_NEAR(first + ROWS_AHEAD * PANEL);
        PREFETCH_NEAR(second + ROWS_AHEAD * PANEL);
        UNROLL for (int v = 0; v < PV; v++) vstore(lines[i] + v * VL, pair_vectors(first + v * VL, second + v * VL));
      }
      for (int above = 0; above < PANEL; above += VL)
        UNROLL for (int lane = 0; lane < PANEL; lane += VL) {
          vf square[VL];
          UNROLL for (int i = 0; i < VL; i++) square[i] = vload(lines[above + i] + lane);
          vtranspose(square);
          UNROLL for (int i = 0; i < VL; i++) vstore(to + (lane + i) * PANEL + above, square[i]);
        }
    }
}

/* Puts sums into the rows of dW, and adds their squares to each row's lanes. */
INLINE void leave_sums(char *base, const pair_gradient_args *x, const pair_block *block, size_t panel, size_t panels,
                       const float *sums) {
  const size_t columns = (size_t)x->r.columns;
  for (size_t u = 0; u < block->units; u++) {
    const unit_rows rows = rows_of_unit(&x->r.rows, block->first + u);
    for (size_t i = 0; i < rows.count; i++) {
      double *lanes = block->lanes[u * PANEL + i];
      for (size_t p = 0; p < panels; p++) {
        const float *from = sums + (p * block->rows + u * PANEL + i) * PANEL;
        float *to = F32(base, x->r.out) + (rows.row + i) * columns + (panel + p) * PANEL;
        UNROLL for (int v = 0; v < PV; v++) vsquares(lanes + v * VL, vload(from + v * VL));
        UNROLL for (int v = 0; v < PV; v++) vstream(to + v * VL, vload(from + v * VL));
      }
    }
  }
}

INLINE void multiply_block(char *base, const pair_gradient_args *x, const pair_block *block) {
  const int32_t *segments = I32(base, x->r.segments);
  const size_t count = (size_t)x->r.segment_count, end = (size_t)x->r.columns / PANEL;
  for (size_t panel = 0, panels; panel < end; panel += panels) {
    panels = min_size(BLOCK_PANELS, end - panel);
    product p = {
        .a = block->left,
        .a_stride = block->rows * PANEL,
        .b = F32(base, x->input),
        .b_stride = (size_t)x->input_stride,
        .c_stride = block->rows * PANEL,
        .c_panel = panel,
    };
    /* Sums of subtrees, one of each size at most, and the places that are free. */
    float *trees[MAX_LEVELS], *spare[MAX_LEVELS], *sums = 0;
    size_t spares = MAX_LEVELS;
    for (size_t i = 0; i < MAX_LEVELS; i++) spare[i] = block->pending + i * LEVEL_FLOATS;
    for (size_t s = 0; s < count; s++) {
      const size_t lines = lines_of(segments, s), tokens = (size_t)(segments[s + 1] - segments[s]);
      p.k_panels = 2 * lines / PANEL;
      p.k_last = tokens % (2 * PANEL);
      p.c = sums = s % 2 == 0 ? spare[--spares] : trees[0];
      p.start = s % 2 == 0 ? START_ZERO : START_RESULT;
      KERNEL(multiply_pairs)(&p, 0, block->rows, panel, panel + panels);
      /* As a binary counter carries: what is of the same size is to the left, and is added to. */
      size_t size = s % 2;
      for (; size > 0 && s >> size & 1; size++) {
        float *left = trees[size];
        for (size_t i = 0; i < panels * p.c_stride; i += VL) vstore(left + i, vadd(vload(left + i), vload(sums + i)));
        spare[spares++] = sums;
        sums = left;
      }
      trees[size] = sums;
      p.a += lines * block->rows;
      p.b += lines * PANEL;
    }
    leave_sums(base, x, block, panel, panels, sums);
  }
}

void KERNEL(weight_gradient_bfloat16)(char *base, const double *args) {
  const pair_gradient_args *x = (const pair_gradient_args *)args;
  const size_t end = (size_t)x->unit1;
  double *lanes = F64(base, x->scratch);
  float *pending = (float *)(lanes + BLOCK_ROWS * PANEL);
  for (size_t first = (size_t)x->unit0, units; first < end; first += units) {
    /* Blocks of about the same size: X is read for each of them. */
    const size_t left = end - first, blocks = (left + BLOCK_UNITS - 1) / BLOCK_UNITS;
    units = (left + blocks - 1) / blocks;
    const pair_block block = {
        .first = first,
        .units = units,
        .rows = units * PANEL,
        .lanes = (double(*)[PANEL])lanes,
        .pending = pending,
        .left = pending + MAX_LEVELS * LEVEL_FLOATS,
    };
    for (size_t i = 0; i < block.rows * PANEL; i++) lanes[i] = 0;
    for (size_t u = 0; u < units; u++) pack_left(base, &x->r, &block, u);
    multiply_block(base, x, &block);
    finish_units(base, &x->r, first, units, block.lanes, pending);
  }
  STREAM_END();
}
