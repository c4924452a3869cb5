/*
 * GRU: Cho et al. 2014, in PyTorch's form, in which the reset gate acts behind the product.
 *
 *   r = sigmoid(..)  z = sigmoid(..)      (.. = W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)
 *   a = W_hn h_{t-1} + b_hn               n = tanh(W_in x_t + b_in + r a)
 *   h_t = n + z (h_{t-1} - n)
 *
 * The panels of 16 hidden units are r, z, n (what comes from below) and a; W_hh has those of r, z and a.
 */
#include "gru_cell.h"

#include "recurrence.h"

void KERNEL(gru_forward)(char *base, const double *args) { run_forward(base, args); }
void KERNEL(gru_backward)(char *base, const double *args) { run_backward(base, args); }
