/*
 * What rows of a recurrent layer start from where these are not zeros: learned vectors that all rows have in common, the gradients of
 * which are sums over rows, or what another layer gives each. A row that goes on from the batch before starts from the state that it carries; it says so in a panel behind that state,
 * which is not zero for such a row.
 */
#include "shards.h"

typedef struct {
  double begin;              /* learned: float [16 panels], zero behind the last column of each state; given: [panels][rows][16] */
  double panel_step, row_step; /* floats from one panel of it to the next, and from one row to the next: 0 where all have the same */
  double state_in;           /* [panels + 1][rows][16]: what is carried, and whether something is; 0: nothing is by any row */
  double out;                /* [panels][rows][16] */
  double state_out;          /* like state_in: where the last panel says that from here on a state is carried; or 0 */
  double panels, stride;
  double row0, row1;
} begin_rows_args;

/* The states that rows [row0, row1) start from. */
void KERNEL(begin_rows)(char *base, const double *args) {
  const begin_rows_args *x = (const begin_rows_args *)args;
  const size_t panels = (size_t)x->panels, stride = (size_t)x->stride;
  const size_t panel_step = (size_t)x->panel_step, row_step = (size_t)x->row_step;
  const float *begin = F32(base, x->begin), *in = x->state_in == 0 ? 0 : F32(base, x->state_in);
  /* Panel by panel, whose rows lie side by side. */
  for (size_t panel = 0; panel < panels; panel++)
    for (size_t row = (size_t)x->row0; row < (size_t)x->row1; row++) {
      const int goes_on = in != 0 && in[panels * stride + row * PANEL] != 0.0f;
      const float *from = goes_on ? in + panel * stride + row * PANEL : begin + row * row_step + panel * panel_step;
      float *to = F32(base, x->out) + panel * stride + row * PANEL;
      UNROLL for (int v = 0; v < PV; v++) vstore(to + v * VL, vload(from + v * VL));
    }
  if (x->state_out == 0) return;
  for (size_t row = (size_t)x->row0; row < (size_t)x->row1; row++) {
    float *begun = F32(base, x->state_out) + panels * stride + row * PANEL;
    for (size_t i = 0; i < PANEL; i++) begun[i] = i == 0 ? 1.0f : 0.0f;
  }
}

typedef struct {
  double d_initial, stride;       /* [panels][rows][16] */
  double begun;                   /* [rows][16]: not zero in the first column of rows that started from what they carried; or 0 */
  double row_start;               /* int32 [rows + 1]: rows without tokens have no gradient */
  double segments, segment_count; /* int32 [segment_count + 1]: first row of each shard; a power of two of them */
  double out, columns;            /* float [columns] */
  double squares;                 /* double [panels] */
  double unit0, unit1;
} begin_gradient_args;

/* Sums over the rows that started from what is learned, for the columns of panels [unit0, unit1). */
void KERNEL(begin_gradient)(char *base, const double *args) {
  const begin_gradient_args *x = (const begin_gradient_args *)args;
  const int32_t *segments = I32(base, x->segments), *row_start = I32(base, x->row_start);
  const float *begun = x->begun == 0 ? 0 : F32(base, x->begun);
  for (size_t unit = (size_t)x->unit0; unit < (size_t)x->unit1; unit++) {
    const float *d = F32(base, x->d_initial) + unit * (size_t)x->stride;
    float pending[MAX_LEVELS][PANEL], sum[PANEL];
    for (size_t s = 0; s < (size_t)x->segment_count; s++) {
      for (size_t i = 0; i < PANEL; i++) sum[i] = 0.0f;
      for (int32_t row = segments[s]; row < segments[s + 1]; row++) {
        if (row_start[row] == row_start[row + 1] || (begun != 0 && begun[(size_t)row * PANEL] != 0.0f)) continue;
        for (size_t i = 0; i < PANEL; i++) sum[i] += d[(size_t)row * PANEL + i];
      }
      join_segment(pending, s, sum);
    }
    double squares = 0;
    for (size_t i = 0; i < min_size(PANEL, (size_t)x->columns - unit * PANEL); i++) {
      F32(base, x->out)[unit * PANEL + i] = sum[i];
      squares += (double)sum[i] * (double)sum[i];
    }
    F64(base, x->squares)[unit] = squares;
  }
}

typedef struct {
  double d_initial, stride; /* [panels][rows][16] */
  double begun, row_start;  /* as above */
  double out, out_stride;   /* [panels][rows][16] */
  double panels, adds;      /* whether it is added to what is there */
  double row0, row1;
} given_gradient_args;

/* The gradient of what rows [row0, row1) were given: none of rows that had a state, or have no tokens. */
void KERNEL(given_gradient)(char *base, const double *args) {
  const given_gradient_args *x = (const given_gradient_args *)args;
  const int32_t *row_start = I32(base, x->row_start);
  const float *begun = x->begun == 0 ? 0 : F32(base, x->begun);
  const int adds = x->adds != 0;
  for (size_t row = (size_t)x->row0; row < (size_t)x->row1; row++) {
    const int counts = row_start[row] < row_start[row + 1] && (begun == 0 || begun[row * PANEL] == 0.0f);
    for (size_t panel = 0; panel < (size_t)x->panels; panel++) {
      const float *d = F32(base, x->d_initial) + panel * (size_t)x->stride + row * PANEL;
      float *out = F32(base, x->out) + panel * (size_t)x->out_stride + row * PANEL;
      for (size_t i = 0; i < PANEL; i++) {
        const float own = counts ? d[i] : 0.0f;
        out[i] = adds ? out[i] + own : own;
      }
    }
  }
}
