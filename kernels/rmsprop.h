/*
 * RMSprop (Hinton's lecture 6e, 2012), in PyTorch's order of operations: v = alpha v + (1 - alpha) g g and
 * p -= rate g / (sqrt(v) + epsilon), where g = gradient + decay p. Before it includes this file, a rule says how it goes:
 *
 *   #define CENTERED 1   with m += (1 - alpha) (g - m) and v - m m in the place of v under the root (Graves 2013)
 *   #define MOMENTUM 1   with b = momentum b + g / (...) and p -= rate b
 */
#ifndef LOCKSTEP_RMSPROP_H
#define LOCKSTEP_RMSPROP_H

#include "simd.h"

#define STATES (1 + MOMENTUM + CENTERED) /* mean of squares; momentum buffer; mean of gradients */

typedef struct {
  double learning_rate, alpha, one_minus_alpha, epsilon, momentum;
} rule_settings;

typedef struct {
  vf learning_rate, decay, alpha, one_minus_alpha, epsilon, momentum;
} rule_vectors;

INLINE rule_vectors prepare_rule(const rule_settings *settings, double decay) {
  return (rule_vectors){
      vset((float)settings->learning_rate),   vset((float)decay),
      vset((float)settings->alpha),           vset((float)settings->one_minus_alpha),
      vset((float)settings->epsilon),         MOMENTUM ? vset((float)settings->momentum) : vzero(),
  };
}

INLINE vf update_vector(const rule_vectors *s, vf parameter, vf gradient, vf state[STATES]) {
  const vf g = vfma(s->decay, parameter, gradient);
  vf variance = state[0] = vfma(vmul(s->one_minus_alpha, g), g, vmul(s->alpha, state[0]));
#if CENTERED
  vf *mean = &state[1 + MOMENTUM];
  *mean = vfma(s->one_minus_alpha, vsub(g, *mean), *mean);
  /* Of a gradient that hardly changes, rounding may leave less than nothing. */
  variance = vmax(vzero(), vfnma(*mean, *mean, variance));
#endif
  const vf direction = vdiv(g, vadd(vsqrt(variance), s->epsilon));
#if MOMENTUM
  state[1] = vfma(s->momentum, state[1], direction);
  return vfnma(s->learning_rate, state[1], parameter);
#else
  return vfnma(s->learning_rate, direction, parameter);
#endif
}

#include "update.h"

#endif
