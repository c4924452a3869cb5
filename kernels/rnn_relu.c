/* A plain recurrent layer that only lets through what is positive: h_t = max(0, W_ih x_t + b + W_hh h_{t-1}). */
#define RNN_RELU
#include "rnn_cell.h"

#include "recurrence.h"

void KERNEL(rnn_relu_forward)(char *base, const double *args) { run_forward(base, args); }
void KERNEL(rnn_relu_backward)(char *base, const double *args) { run_backward(base, args); }
