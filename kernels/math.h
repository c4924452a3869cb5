/*
 * exp, sigmoid and tanh as fixed sequences of exactly rounded operations, so that every vector width
 * gives the same bits. Errors against float64 over the whole range (see test/backend/math.test.ts):
 * exp at most 1.1 ulp in [-87, 88], sigmoid (from -87 on) and tanh at most 2.5 ulp. A NaN comes through as NaN.
 */
#ifndef LOCKSTEP_MATH_H
#define LOCKSTEP_MATH_H

#include "simd.h"

/*
 * Range reduction x = n ln2 + r with |r| <= ln2/2, and the polynomial e^r - 1 = r + r^2 q(r).
 * Coefficients: Taylor up to r^7, whose remainder at ln2/2 is 2^-27.3 of the result.
 */
INLINE vf expm1_reduced(vf x, vf *scale) {
  const vf magic = vset(12582912.0f); /* 1.5 * 2^23: adding it rounds to a whole number */
  const vf shifted = vfma(x, vset(1.44269504088896341f), magic);
  const vf n = vsub(shifted, magic);
  vf r = vfnma(n, vset(0.693145751953125f), x);
  r = vfnma(n, vset(1.42860682030941723212e-6f), r);
  *scale = vfrombits(vishl23(viadd(vbits(shifted), viset(127))));
  vf q = vset(1.9841270e-4f);
  q = vfma(q, r, vset(1.3888889e-3f));
  q = vfma(q, r, vset(8.3333333e-3f));
  q = vfma(q, r, vset(4.1666667e-2f));
  q = vfma(q, r, vset(1.6666667e-1f));
  q = vfma(q, r, vset(0.5f));
  return vfma(vmul(r, r), q, r);
}

/* e^x for x in [-87, 88]; arguments outside are taken to the border. */
INLINE vf vexp(vf x) {
  vf scale;
  x = vmin(vset(88.0f), vmax(vset(-87.0f), x));
  const vf e = expm1_reduced(x, &scale);
  return vfma(scale, e, scale);
}

/* 1 / (1 + e^-x) */
INLINE vf vsigmoid(vf x) {
  const vf e = vexp(vsub(vzero(), x));
  return vdiv(vset(1.0f), vadd(vset(1.0f), e));
}

/* (e^2x - 1) / (e^2x + 1), with e^2x - 1 formed without cancellation; beyond |x| = 10 it is +-1 in float32 */
INLINE vf vtanh(vf x) {
  vf scale;
  const vf y = vmin(vset(20.0f), vmax(vset(-20.0f), vadd(x, x)));
  const vf e = expm1_reduced(y, &scale);
  const vf em1 = vfma(scale, e, vsub(scale, vset(1.0f)));
  return vdiv(em1, vadd(em1, vset(2.0f)));
}

#endif
