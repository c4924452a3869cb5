/* The kernels in the order of their numbers; src/backend/kernels/registry.ts lists the same ones. */
#ifndef LOCKSTEP_TABLE_H
#define LOCKSTEP_TABLE_H

#define FOR_EACH_KERNEL(X) \
  X(product)               \
  X(lstm_forward)          \
  X(lstm_backward)         \
  X(gru_forward)           \
  X(gru_backward)          \
  X(gru_original_forward)  \
  X(gru_original_backward) \
  X(rnn_forward)           \
  X(rnn_backward)          \
  X(rnn_relu_forward)      \
  X(rnn_relu_backward)     \
  X(lstm_norm_forward)     \
  X(lstm_norm_backward)    \
  X(gru_norm_forward)      \
  X(gru_norm_backward)     \
  X(rnn_norm_forward)      \
  X(rnn_norm_backward)     \
  X(rnn_relu_norm_forward) \
  X(rnn_relu_norm_backward) \
  X(gate_norm_forward)     \
  X(gate_norm_backward)    \
  X(gate_norm_gradient)    \
  X(begin_rows)            \
  X(begin_gradient)        \
  X(given_gradient)        \
  X(gather_rows)           \
  X(spread_rows)           \
  X(token_sum)             \
  X(row_squares)           \
  X(weight_gradient)       \
  X(activate)              \
  X(multiply_slope)        \
  X(pool)                  \
  X(unpool)                \
  X(attend)                \
  X(attend_backward)       \
  X(dot_scores)            \
  X(dot_backward)          \
  X(additive_scores)       \
  X(additive_backward)     \
  X(cross_attend)          \
  X(cross_attend_backward) \
  X(neighbours)            \
  X(carry_inputs)          \
  X(convolve)              \
  X(part_taps)             \
  X(join_taps)             \
  X(softmax)               \
  X(rank)                  \
  X(binary)                \
  X(regression)            \
  X(crf)                   \
  X(crf_pack)              \
  X(crf_transitions)       \
  X(crf_ends)              \
  X(adam)                  \
  X(sgd)                   \
  X(momentum)              \
  X(rmsprop)               \
  X(rmsprop_momentum)      \
  X(rmsprop_centered)      \
  X(rmsprop_centered_momentum) \
  X(adagrad)               \
  X(average)               \
  X(unit_squares)          \
  X(layer_norm_forward)    \
  X(layer_norm_backward)   \
  X(layer_norm_gradient)   \
  X(copy_columns)          \
  X(pack)                  \
  X(pack_bias)             \
  X(dropout)               \
  X(drop_rows)             \
  X(drop_weights)          \
  X(evaluate)              \
  X(peak)

typedef void (*kernel_function)(char *base, const double *args);

#endif
