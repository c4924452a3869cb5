/* Stochastic gradient descent: p -= rate (g + decay p). */
#include "simd.h"

#define STATES 0

typedef struct {
  double learning_rate;
} rule_settings;

typedef struct {
  vf learning_rate, decay;
} rule_vectors;

INLINE rule_vectors prepare_rule(const rule_settings *settings, double decay) {
  return (rule_vectors){vset((float)settings->learning_rate), vset((float)decay)};
}

INLINE vf update_vector(const rule_vectors *s, vf parameter, vf gradient, vf *state) {
  (void)state;
  return vfnma(s->learning_rate, vfma(s->decay, parameter, gradient), parameter);
}

#include "update.h"

void KERNEL(sgd)(char *base, const double *args) { update(base, args); }
