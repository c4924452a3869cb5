/* GRU whose sums have layer normalization: see recurrence_norm.h. */
#define NORM_PARTS 2
#include "gru_cell.h"

#include "recurrence_norm.h"

void KERNEL(gru_norm_forward)(char *base, const double *args) { run_norm_forward(base, args); }
void KERNEL(gru_norm_backward)(char *base, const double *args) { run_norm_backward(base, args); }
