/*
 * Adagrad (Duchi et al. 2011), in PyTorch's order of operations: s += g g, p -= rate g / (sqrt(s) + epsilon). Here
 * g = gradient + decay p.
 */
#include "simd.h"

#define STATES 1 /* sum of squares */

typedef struct {
  double learning_rate, epsilon;
} rule_settings;

typedef struct {
  vf learning_rate, decay, epsilon;
} rule_vectors;

INLINE rule_vectors prepare_rule(const rule_settings *settings, double decay) {
  return (rule_vectors){vset((float)settings->learning_rate), vset((float)decay), vset((float)settings->epsilon)};
}

INLINE vf update_vector(const rule_vectors *s, vf parameter, vf gradient, vf state[STATES]) {
  const vf g = vfma(s->decay, parameter, gradient);
  state[0] = vfma(g, g, state[0]);
  return vfnma(s->learning_rate, vdiv(g, vadd(vsqrt(state[0]), s->epsilon)), parameter);
}

#include "update.h"

void KERNEL(adagrad)(char *base, const double *args) { update(base, args); }
