/* What attention makes of the exponential of a score. */
#ifndef LOCKSTEP_ATTENTION_WEIGHT_H
#define LOCKSTEP_ATTENTION_WEIGHT_H

/*
 * A weight below is none. Beside those of the others it could not be seen in a sum; but of e^-80 the way back makes numbers below the
 * normal ones, over which processors take a hundred times as long: once a model is sure where to look, nearly all are such.
 */
#define LEAST_WEIGHT 0x1p-40f

/* @param sum of the exponentials of all scores of a token */
static inline float attention_weight(float exponential, float sum) {
  const float weight = exponential / sum;
  return weight < LEAST_WEIGHT ? 0.0f : weight;
}

#endif
