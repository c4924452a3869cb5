/* The natural logarithm as a fixed sequence of exactly rounded operations. */
#ifndef LOCKSTEP_LOG_H
#define LOCKSTEP_LOG_H

#include "simd.h"

/* ln x of a positive normal number, zero or a NaN, in float64: x = m 2^e, m in [0.7, 1.4], ln m = 2 artanh((m - 1) / (m + 1)). */
INLINE double natural_log(double x) {
  if (x != x) return x;
  if (x == 0) return -1.0 / 0.0;
  union {
    double value;
    uint64_t bits;
  } u = {x};
  int exponent = (int)(u.bits >> 52) - 1023;
  u.bits = (u.bits & 0xfffffffffffffULL) | 0x3ff0000000000000ULL;
  if (u.value > 1.4142135623730951) {
    u.value *= 0.5;
    exponent++;
  }
  const double s = (u.value - 1.0) / (u.value + 1.0), z = s * s;
  double sum = 0;
  for (int n = 21; n >= 1; n -= 2) sum = sum * z + 1.0 / n;
  return 2.0 * s * sum + exponent * 0.6931471805599453;
}

#endif
