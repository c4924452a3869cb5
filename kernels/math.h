/*
 * exp, sigmoid, tanh and ln(1 + x) as fixed sequences of exactly rounded operations, so that every vector width
 * gives the same bits. Errors against float64 over the whole range (see test/backend/math.test.ts):
 * exp at most 1.1 ulp in [-87, 88], sigmoid (from -87 on), tanh and ln(1 + x) (in [0, 1]) at most 2.5 ulp. A NaN comes through as NaN.
 */
#ifndef LOCKSTEP_MATH_H
#define LOCKSTEP_MATH_H

#include "simd.h"

/*
 * (e^y - 1) / f for y = f x reduced to its remainder r = y - n ln2, |r| <= ln2/2, and 2^n as `scale`. The polynomial
 * is e^r - 1 = r + r^2 q(r), in s = r / f: a factor of 1, -1 or 2 goes into the constants, where it changes no rounding.
 * Coefficients: Taylor up to r^7, whose remainder at ln2/2 is 2^-27.3 of the result.
 */
INLINE vf expm1_reduced(vf x, const float f, vf *scale) {
  /* 1.5 * 2^23: adding it rounds to a whole number; and the exponent's bias. */
  const vf magic = vset(12582912.0f + 127.0f);
  const vf shifted = vfma(x, vset(f * 1.44269504088896341f), magic);
  const vf n = vsub(shifted, magic);
  vf s = vfnma(n, vset(0.693145751953125f / f), x);
  s = vfnma(n, vset(1.42860682030941723212e-6f / f), s);
  *scale = vfrombits(vishl23(vbits(shifted)));
  vf q = vset(1.9841270e-4f * f * f * f * f * f * f);
  q = vfma(q, s, vset(1.3888889e-3f * f * f * f * f * f));
  q = vfma(q, s, vset(8.3333333e-3f * f * f * f * f));
  q = vfma(q, s, vset(4.1666667e-2f * f * f * f));
  q = vfma(q, s, vset(1.6666667e-1f * f * f));
  q = vfma(q, s, vset(0.5f * f));
  return vfma(vmul(s, s), q, s);
}

/* e^x for x in [-87, 88]; arguments outside are taken to the border. */
INLINE vf vexp(vf x) {
  vf scale;
  x = vmin(vset(88.0f), vmax(vset(-87.0f), x));
  const vf e = expm1_reduced(x, 1.0f, &scale);
  return vfma(scale, e, scale);
}

/* 1 / (1 + e^-x) */
INLINE vf vsigmoid(vf x) {
  vf scale;
  x = vmin(vset(87.0f), vmax(vset(-88.0f), x));
  const vf e = expm1_reduced(x, -1.0f, &scale);
  return vdiv(vset(1.0f), vadd(vset(1.0f), vfnma(scale, e, scale)));
}

/* h / (h + 1) with h = (e^2x - 1) / 2, formed without cancellation; beyond |x| = 10 it is +-1 in float32 */
INLINE vf vtanh(vf x) {
  vf scale;
  x = vmin(vset(10.0f), vmax(vset(-10.0f), x));
  const vf e = expm1_reduced(x, 2.0f, &scale);
  const vf h = vfma(scale, e, vfma(scale, vset(0.5f), vset(-0.5f)));
  return vdiv(h, vadd(h, vset(1.0f)));
}

/*
 * ln(1 + x) for x in [0, 1]; arguments outside are taken to the border. It is 2 artanh(s), s = x / (x + 2) <= 1/3: the odd series of
 * artanh, whose remainder behind s^15 is 2^-29 of the result.
 */
INLINE vf vlog1p(vf x) {
  x = vmin(vset(1.0f), vmax(vzero(), x));
  const vf s = vdiv(x, vadd(x, vset(2.0f))), z = vmul(s, s);
  vf q = vset(1.0f / 15.0f);
  q = vfma(q, z, vset(1.0f / 13.0f));
  q = vfma(q, z, vset(1.0f / 11.0f));
  q = vfma(q, z, vset(1.0f / 9.0f));
  q = vfma(q, z, vset(1.0f / 7.0f));
  q = vfma(q, z, vset(1.0f / 5.0f));
  q = vfma(q, z, vset(1.0f / 3.0f));
  const vf twice = vadd(s, s);
  return vfma(vmul(twice, z), q, twice);
}

#endif
