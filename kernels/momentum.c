/*
 * Gradient descent with momentum, in PyTorch's order of operations and without dampening: b = momentum b + g, p -= rate b, or
 * p -= rate (g + momentum b) as Nesterov has it (Sutskever et al. 2013). Here g = gradient + decay p.
 */
#include "simd.h"

#define STATES 1 /* momentum buffer */

typedef struct {
  double learning_rate, momentum, nesterov; /* nesterov: 0 or 1 */
} rule_settings;

typedef struct {
  vf learning_rate, decay, momentum;
  vf direct, behind; /* p -= rate (direct g + behind b) */
} rule_vectors;

INLINE rule_vectors prepare_rule(const rule_settings *settings, double decay) {
  const int nesterov = settings->nesterov != 0;
  return (rule_vectors){
      vset((float)settings->learning_rate),
      vset((float)decay),
      vset((float)settings->momentum),
      vset(nesterov ? 1.0f : 0.0f),
      vset(nesterov ? (float)settings->momentum : 1.0f),
  };
}

INLINE vf update_vector(const rule_vectors *s, vf parameter, vf gradient, vf state[STATES]) {
  const vf g = vfma(s->decay, parameter, gradient);
  state[0] = vfma(s->momentum, state[0], g);
  return vfnma(s->learning_rate, vfma(s->behind, state[0], vmul(s->direct, g)), parameter);
}

#include "update.h"

void KERNEL(momentum)(char *base, const double *args) { update(base, args); }
