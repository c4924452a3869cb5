/* A plain recurrent layer (Elman 1990): h_t = tanh(W_ih x_t + b + W_hh h_{t-1}). */
#include "rnn_cell.h"

#include "recurrence.h"

void KERNEL(rnn_forward)(char *base, const double *args) { run_forward(base, args); }
void KERNEL(rnn_backward)(char *base, const double *args) { run_backward(base, args); }
