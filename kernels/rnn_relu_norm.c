/* The same with max(0, ...) in place of tanh: see recurrence_norm.h. */
#define NORM_PARTS 2
#define RNN_RELU
#include "rnn_cell.h"

#include "recurrence_norm.h"

void KERNEL(rnn_relu_norm_forward)(char *base, const double *args) { run_norm_forward(base, args); }
void KERNEL(rnn_relu_norm_backward)(char *base, const double *args) { run_norm_backward(base, args); }
