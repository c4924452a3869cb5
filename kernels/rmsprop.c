/*
 * RMSprop (Hinton's lecture 6e, 2012), in PyTorch's order of operations: v = alpha v + (1 - alpha) g g,
 * p -= rate g / (sqrt(v) + epsilon). Here g = gradient + decay p.
 */
#include "simd.h"

#define STATES 1 /* mean of squares */

typedef struct {
  double learning_rate, alpha, one_minus_alpha, epsilon;
} rule_settings;

typedef struct {
  vf learning_rate, decay, alpha, one_minus_alpha, epsilon;
} rule_vectors;

INLINE rule_vectors prepare_rule(const rule_settings *settings, double decay) {
  return (rule_vectors){
      vset((float)settings->learning_rate),   vset((float)decay),
      vset((float)settings->alpha),           vset((float)settings->one_minus_alpha),
      vset((float)settings->epsilon),
  };
}

INLINE vf update_vector(const rule_vectors *s, vf parameter, vf gradient, vf state[STATES]) {
  const vf g = vfma(s->decay, parameter, gradient);
  state[0] = vfma(vmul(s->one_minus_alpha, g), g, vmul(s->alpha, state[0]));
  return vfnma(s->learning_rate, vdiv(g, vadd(vsqrt(state[0]), s->epsilon)), parameter);
}

#include "update.h"

void KERNEL(rmsprop)(char *base, const double *args) { update(base, args); }
