/*
 * Adam (Kingma & Ba 2015), in PyTorch's order of operations; with weight decay AdamW (Loshchilov & Hutter 2019), whose decay
 * does not pass through the moments. Without, the parameter is multiplied by 1.
 */
#include "simd.h"

#define STATES 2 /* first and second moment */

typedef struct {
  double step_size, beta1, beta2, one_minus_beta1, one_minus_beta2, inverse_correction2, epsilon, learning_rate;
} rule_settings;

typedef struct {
  vf step_size, beta1, beta2, one_minus_beta1, one_minus_beta2, correction, epsilon, keep;
} rule_vectors;

INLINE rule_vectors prepare_rule(const rule_settings *settings, double decay) {
  return (rule_vectors){
      vset((float)settings->step_size),       vset((float)settings->beta1),
      vset((float)settings->beta2),           vset((float)settings->one_minus_beta1),
      vset((float)settings->one_minus_beta2), vset((float)settings->inverse_correction2),
      vset((float)settings->epsilon),         vset((float)(1 - settings->learning_rate * decay)),
  };
}

INLINE vf update_vector(const rule_vectors *s, vf parameter, vf g, vf state[STATES]) {
  const vf m = vfma(s->one_minus_beta1, g, vmul(s->beta1, state[0]));
  const vf v = vfma(vmul(s->one_minus_beta2, g), g, vmul(s->beta2, state[1]));
  state[0] = m;
  state[1] = v;
  return vfnma(s->step_size, vdiv(m, vfma(vsqrt(v), s->correction, s->epsilon)), vmul(parameter, s->keep));
}

#include "update.h"

void KERNEL(adam)(char *base, const double *args) { update(base, args); }
