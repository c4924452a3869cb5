/*
 * The kernels in the order of their numbers; src/backend/kernels/registry.ts lists the same ones. Those of T are for training and
 * measuring alone: the module that exported models come with has none of them.
 */
#ifndef LOCKSTEP_TABLE_H
#define LOCKSTEP_TABLE_H

#define KERNEL_TABLE(X, T)     \
  X(product)                   \
  X(product_bfloat16)          \
  X(lstm_forward)              \
  T(lstm_backward)             \
  X(gru_forward)               \
  T(gru_backward)              \
  X(gru_original_forward)      \
  T(gru_original_backward)     \
  X(rnn_forward)               \
  T(rnn_backward)              \
  X(rnn_relu_forward)          \
  T(rnn_relu_backward)         \
  X(lstm_norm_forward)         \
  T(lstm_norm_backward)        \
  X(gru_norm_forward)          \
  T(gru_norm_backward)         \
  X(rnn_norm_forward)          \
  T(rnn_norm_backward)         \
  X(rnn_relu_norm_forward)     \
  T(rnn_relu_norm_backward)    \
  X(gate_norm_forward)         \
  T(gate_norm_backward)        \
  T(gate_norm_gradient)        \
  X(begin_rows)                \
  T(begin_gradient)            \
  T(given_gradient)            \
  X(gather_rows)               \
  X(spread_rows)               \
  T(token_sum)                 \
  T(row_squares)               \
  T(weight_gradient)           \
  T(weight_gradient_bfloat16)  \
  T(pair_tokens)               \
  X(activate)                  \
  T(multiply_slope)            \
  X(pool)                      \
  T(unpool)                    \
  X(attend)                    \
  T(attend_backward)           \
  X(dot_scores)                \
  T(dot_backward)              \
  X(additive_scores)           \
  T(additive_backward)         \
  X(cross_attend)              \
  T(cross_attend_backward)     \
  X(neighbours)                \
  X(carry_inputs)              \
  X(convolve)                  \
  X(convolve_bfloat16)         \
  X(part_taps)                 \
  X(join_taps)                 \
  X(softmax)                   \
  X(rank)                      \
  X(binary)                    \
  X(regression)                \
  X(crf)                       \
  X(crf_pack)                  \
  T(crf_transitions)           \
  T(crf_ends)                  \
  T(adam)                      \
  T(sgd)                       \
  T(momentum)                  \
  T(rmsprop)                   \
  T(rmsprop_momentum)          \
  T(rmsprop_centered)          \
  T(rmsprop_centered_momentum) \
  T(adagrad)                   \
  T(average)                   \
  T(unit_squares)              \
  X(layer_norm_forward)        \
  T(layer_norm_backward)       \
  T(layer_norm_gradient)       \
  X(copy_columns)              \
  X(pack)                      \
  X(pack_bias)                 \
  X(round_pairs)               \
  X(pack_pairs)                \
  T(dropout)                   \
  T(drop_rows)                 \
  T(drop_weights)              \
  T(evaluate)                  \
  T(peak)

#define FOR_EACH_KERNEL(X) KERNEL_TABLE(X, X)

typedef void (*kernel_function)(char *base, const double *args);

#endif
