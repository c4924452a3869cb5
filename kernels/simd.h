/*
 * One vector type `vf` of VL floats for every instruction set, and the few operations the kernels use. vreaches
 * tells whether any element of a is at least that of b; vflush puts zeros in the place of elements that are smaller in
 * size than `least`; vlow and vhigh take the lower or upper halves of two vectors in turns; vstream writes an aligned
 * vector past the caches, where that is possible; vsquares adds the squares of the elements to VL float64 sums (the
 * product of two floats is exact there, so that a fused multiply-add rounds as a product and a sum do).
 *
 * Only operations that IEEE 754 rounds exactly are used (add, mul, div, sqrt, fma, comparisons, integer
 * arithmetic on the bits), so that a kernel gives the same bits whatever VL is. The one exception is
 * the profile: with LOCKSTEP_FMA, `vfma` rounds once; without it (SSE2, plain wasm SIMD) it rounds twice.
 *
 * Every source of kernels/ is compiled once per instruction set; KERNEL(name) gives each copy a name of its own.
 */
#ifndef LOCKSTEP_SIMD_H
#define LOCKSTEP_SIMD_H

#include <stddef.h>
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 64")
#endif

#ifndef LOCKSTEP_SUFFIX
#define LOCKSTEP_SUFFIX wasm
#endif
#define KERNEL_JOIN(name, suffix) lockstep_##name##_##suffix
#define KERNEL_NAME(name, suffix) KERNEL_JOIN(name, suffix)
#define KERNEL(name) KERNEL_NAME(name, LOCKSTEP_SUFFIX)

#if defined(__AVX512F__) && !defined(LOCKSTEP_VECTOR_128)
#include <immintrin.h>
#define VL 16
#define LOCKSTEP_FMA 1
typedef __m512 vf;
typedef __m512i vi;
INLINE vf vload(const float *p) { return _mm512_loadu_ps(p); }
INLINE void vstore(float *p, vf a) { _mm512_storeu_ps(p, a); }
INLINE vf vset(float a) { return _mm512_set1_ps(a); }
INLINE vf vadd(vf a, vf b) { return _mm512_add_ps(a, b); }
INLINE vf vsub(vf a, vf b) { return _mm512_sub_ps(a, b); }
INLINE vf vmul(vf a, vf b) { return _mm512_mul_ps(a, b); }
INLINE vf vdiv(vf a, vf b) { return _mm512_div_ps(a, b); }
INLINE vf vsqrt(vf a) { return _mm512_sqrt_ps(a); }
INLINE vf vfma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
INLINE vf vfnma(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); }
INLINE vf vmax(vf a, vf b) { return _mm512_max_ps(a, b); }
INLINE vf vmin(vf a, vf b) { return _mm512_min_ps(a, b); }
INLINE int vreaches(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ) != 0; }
INLINE vf vflush(vf a, vf least) {
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(_mm512_abs_ps(a), least, _CMP_NLT_UQ), a);
}
INLINE vi vbits(vf a) { return _mm512_castps_si512(a); }
INLINE vf vfrombits(vi a) { return _mm512_castsi512_ps(a); }
INLINE vi viset(int32_t a) { return _mm512_set1_epi32(a); }
INLINE vi vishl23(vi a) { return _mm512_slli_epi32(a, 23); }
INLINE vf vlow(vf a, vf b) {
  return _mm512_permutex2var_ps(
      a, _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), b);
}
INLINE vf vhigh(vf a, vf b) {
  return _mm512_permutex2var_ps(
      a, _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), b);
}
INLINE void vstream(float *p, vf a) { _mm512_stream_ps(p, a); }
INLINE void vsquares(double *sums, vf a) {
  const __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(a));
  const __m512d high = _mm512_cvtps_pd(_mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(a), 1)));
  _mm512_storeu_pd(sums, _mm512_fmadd_pd(low, low, _mm512_loadu_pd(sums)));
  _mm512_storeu_pd(sums + 8, _mm512_fmadd_pd(high, high, _mm512_loadu_pd(sums + 8)));
}

#elif defined(__AVX2__) && defined(__FMA__) && !defined(LOCKSTEP_VECTOR_128)
#include <immintrin.h>
#define VL 8
#define LOCKSTEP_FMA 1
typedef __m256 vf;
typedef __m256i vi;
INLINE vf vload(const float *p) { return _mm256_loadu_ps(p); }
INLINE void vstore(float *p, vf a) { _mm256_storeu_ps(p, a); }
INLINE vf vset(float a) { return _mm256_set1_ps(a); }
INLINE vf vadd(vf a, vf b) { return _mm256_add_ps(a, b); }
INLINE vf vsub(vf a, vf b) { return _mm256_sub_ps(a, b); }
INLINE vf vmul(vf a, vf b) { return _mm256_mul_ps(a, b); }
INLINE vf vdiv(vf a, vf b) { return _mm256_div_ps(a, b); }
INLINE vf vsqrt(vf a) { return _mm256_sqrt_ps(a); }
INLINE vf vfma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
INLINE vf vfnma(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); }
INLINE vf vmax(vf a, vf b) { return _mm256_max_ps(a, b); }
INLINE vf vmin(vf a, vf b) { return _mm256_min_ps(a, b); }
INLINE int vreaches(vf a, vf b) { return _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GE_OQ)) != 0; }
INLINE vf vflush(vf a, vf least) {
  const __m256 size = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
  return _mm256_and_ps(_mm256_cmp_ps(size, least, _CMP_NLT_UQ), a);
}
INLINE vi vbits(vf a) { return _mm256_castps_si256(a); }
INLINE vf vfrombits(vi a) { return _mm256_castsi256_ps(a); }
INLINE vi viset(int32_t a) { return _mm256_set1_epi32(a); }
INLINE vi vishl23(vi a) { return _mm256_slli_epi32(a, 23); }
INLINE vf vlow(vf a, vf b) {
  return _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x20);
}
INLINE vf vhigh(vf a, vf b) {
  return _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x31);
}
INLINE void vstream(float *p, vf a) { _mm256_stream_ps(p, a); }
INLINE void vsquares(double *sums, vf a) {
  const __m256d low = _mm256_cvtps_pd(_mm256_castps256_ps128(a)), high = _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1));
  _mm256_storeu_pd(sums, _mm256_fmadd_pd(low, low, _mm256_loadu_pd(sums)));
  _mm256_storeu_pd(sums + 4, _mm256_fmadd_pd(high, high, _mm256_loadu_pd(sums + 4)));
}

#elif defined(__x86_64__)
#include <immintrin.h>
#define VL 4
typedef __m128 vf;
typedef __m128i vi;
INLINE vf vload(const float *p) { return _mm_loadu_ps(p); }
INLINE void vstore(float *p, vf a) { _mm_storeu_ps(p, a); }
INLINE vf vset(float a) { return _mm_set1_ps(a); }
INLINE vf vadd(vf a, vf b) { return _mm_add_ps(a, b); }
INLINE vf vsub(vf a, vf b) { return _mm_sub_ps(a, b); }
INLINE vf vmul(vf a, vf b) { return _mm_mul_ps(a, b); }
INLINE vf vdiv(vf a, vf b) { return _mm_div_ps(a, b); }
INLINE vf vsqrt(vf a) { return _mm_sqrt_ps(a); }
#if defined(__FMA__)
#define LOCKSTEP_FMA 1
INLINE vf vfma(vf a, vf b, vf c) { return _mm_fmadd_ps(a, b, c); }
INLINE vf vfnma(vf a, vf b, vf c) { return _mm_fnmadd_ps(a, b, c); }
#else
INLINE vf vfma(vf a, vf b, vf c) { return _mm_add_ps(_mm_mul_ps(a, b), c); }
INLINE vf vfnma(vf a, vf b, vf c) { return _mm_sub_ps(c, _mm_mul_ps(a, b)); }
#endif
INLINE vf vmax(vf a, vf b) { return _mm_max_ps(a, b); }
INLINE vf vmin(vf a, vf b) { return _mm_min_ps(a, b); }
INLINE int vreaches(vf a, vf b) { return _mm_movemask_ps(_mm_cmpge_ps(a, b)) != 0; }
INLINE vf vflush(vf a, vf least) {
  return _mm_and_ps(_mm_cmpnlt_ps(_mm_andnot_ps(_mm_set1_ps(-0.0f), a), least), a);
}
INLINE vi vbits(vf a) { return _mm_castps_si128(a); }
INLINE vf vfrombits(vi a) { return _mm_castsi128_ps(a); }
INLINE vi viset(int32_t a) { return _mm_set1_epi32(a); }
INLINE vi vishl23(vi a) { return _mm_slli_epi32(a, 23); }
INLINE vf vlow(vf a, vf b) { return _mm_unpacklo_ps(a, b); }
INLINE vf vhigh(vf a, vf b) { return _mm_unpackhi_ps(a, b); }
INLINE void vstream(float *p, vf a) { _mm_stream_ps(p, a); }
INLINE void vsquares(double *sums, vf a) {
  const __m128d low = _mm_cvtps_pd(a), high = _mm_cvtps_pd(_mm_movehl_ps(a, a));
  _mm_storeu_pd(sums, _mm_add_pd(_mm_mul_pd(low, low), _mm_loadu_pd(sums)));
  _mm_storeu_pd(sums + 2, _mm_add_pd(_mm_mul_pd(high, high), _mm_loadu_pd(sums + 2)));
}

#elif defined(__aarch64__)
#include <arm_neon.h>
#define VL 4
#define LOCKSTEP_FMA 1
typedef float32x4_t vf;
typedef int32x4_t vi;
INLINE vf vload(const float *p) { return vld1q_f32(p); }
INLINE void vstore(float *p, vf a) { vst1q_f32(p, a); }
INLINE vf vset(float a) { return vdupq_n_f32(a); }
INLINE vf vadd(vf a, vf b) { return vaddq_f32(a, b); }
INLINE vf vsub(vf a, vf b) { return vsubq_f32(a, b); }
INLINE vf vmul(vf a, vf b) { return vmulq_f32(a, b); }
INLINE vf vdiv(vf a, vf b) { return vdivq_f32(a, b); }
INLINE vf vsqrt(vf a) { return vsqrtq_f32(a); }
INLINE vf vfma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
INLINE vf vfnma(vf a, vf b, vf c) { return vfmsq_f32(c, a, b); }
INLINE vf vmax(vf a, vf b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
INLINE vf vmin(vf a, vf b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
INLINE int vreaches(vf a, vf b) { return vmaxvq_u32(vcgeq_f32(a, b)) != 0; }
INLINE vf vflush(vf a, vf least) {
  return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(a), vcaltq_f32(a, least)));
}
INLINE vi vbits(vf a) { return vreinterpretq_s32_f32(a); }
INLINE vf vfrombits(vi a) { return vreinterpretq_f32_s32(a); }
INLINE vi viset(int32_t a) { return vdupq_n_s32(a); }
INLINE vi vishl23(vi a) { return vshlq_n_s32(a, 23); }
INLINE vf vlow(vf a, vf b) { return vzip1q_f32(a, b); }
INLINE vf vhigh(vf a, vf b) { return vzip2q_f32(a, b); }
INLINE void vstream(float *p, vf a) { vst1q_f32(p, a); }
INLINE void vsquares(double *sums, vf a) {
  const float64x2_t low = vcvt_f64_f32(vget_low_f32(a)), high = vcvt_high_f64_f32(a);
  vst1q_f64(sums, vfmaq_f64(vld1q_f64(sums), low, low));
  vst1q_f64(sums + 2, vfmaq_f64(vld1q_f64(sums + 2), high, high));
}

#elif defined(__wasm_simd128__)
#include <wasm_simd128.h>
#define VL 4
typedef v128_t vf;
typedef v128_t vi;
INLINE vf vload(const float *p) { return wasm_v128_load(p); }
INLINE void vstore(float *p, vf a) { wasm_v128_store(p, a); }
INLINE vf vset(float a) { return wasm_f32x4_splat(a); }
INLINE vf vadd(vf a, vf b) { return wasm_f32x4_add(a, b); }
INLINE vf vsub(vf a, vf b) { return wasm_f32x4_sub(a, b); }
INLINE vf vmul(vf a, vf b) { return wasm_f32x4_mul(a, b); }
INLINE vf vdiv(vf a, vf b) { return wasm_f32x4_div(a, b); }
INLINE vf vsqrt(vf a) { return wasm_f32x4_sqrt(a); }
#if defined(__wasm_relaxed_simd__)
#define LOCKSTEP_FMA 1
typedef float vf_lanes __attribute__((vector_size(16)));
INLINE vf vfma(vf a, vf b, vf c) {
  return (vf)__builtin_wasm_relaxed_madd_f32x4((vf_lanes)a, (vf_lanes)b, (vf_lanes)c);
}
INLINE vf vfnma(vf a, vf b, vf c) {
  return (vf)__builtin_wasm_relaxed_nmadd_f32x4((vf_lanes)a, (vf_lanes)b, (vf_lanes)c);
}
#else
INLINE vf vfma(vf a, vf b, vf c) { return wasm_f32x4_add(wasm_f32x4_mul(a, b), c); }
INLINE vf vfnma(vf a, vf b, vf c) { return wasm_f32x4_sub(c, wasm_f32x4_mul(a, b)); }
#endif
/* a > b ? a : b, as on x86: a NaN in b comes through */
INLINE vf vmax(vf a, vf b) { return wasm_f32x4_pmax(b, a); }
INLINE vf vmin(vf a, vf b) { return wasm_f32x4_pmin(b, a); }
INLINE int vreaches(vf a, vf b) { return wasm_v128_any_true(wasm_f32x4_ge(a, b)); }
INLINE vf vflush(vf a, vf least) { return wasm_v128_andnot(a, wasm_f32x4_lt(wasm_f32x4_abs(a), least)); }
INLINE vi vbits(vf a) { return a; }
INLINE vf vfrombits(vi a) { return a; }
INLINE vi viset(int32_t a) { return wasm_i32x4_splat(a); }
INLINE vi vishl23(vi a) { return wasm_i32x4_shl(a, 23); }
INLINE vf vlow(vf a, vf b) { return wasm_i32x4_shuffle(a, b, 0, 4, 1, 5); }
INLINE vf vhigh(vf a, vf b) { return wasm_i32x4_shuffle(a, b, 2, 6, 3, 7); }
INLINE void vstream(float *p, vf a) { wasm_v128_store(p, a); }
INLINE void vsquares(double *sums, vf a) {
  const v128_t low = wasm_f64x2_promote_low_f32x4(a);
  const v128_t high = wasm_f64x2_promote_low_f32x4(wasm_i32x4_shuffle(a, a, 2, 3, 2, 3));
  wasm_v128_store(sums, wasm_f64x2_add(wasm_f64x2_mul(low, low), wasm_v128_load(sums)));
  wasm_v128_store(sums + 2, wasm_f64x2_add(wasm_f64x2_mul(high, high), wasm_v128_load(sums + 2)));
}

#else
#error "no vector instructions are known for this processor"
#endif

/* Panels are PANEL columns wide: the number of virtual lanes of every reduction too. */
#define PANEL 16
/* Vectors that make up one panel row. */
#define PV (PANEL / VL)

/*
 * Fetches the cache line of `p` into the second-level cache, or (_NEAR) into the first-level one; never faults.
 * WebAssembly has no such thing.
 */
#if defined(__wasm__)
#define PREFETCH(p) ((void)(p))
#define PREFETCH_NEAR(p) ((void)(p))
#else
#define PREFETCH(p) __builtin_prefetch((p), 0, 2)
#define PREFETCH_NEAR(p) __builtin_prefetch((p), 0, 3)
#endif

/* Makes what vstream wrote visible to other threads before anything that is written later. */
#if defined(__x86_64__)
#define STREAM_END() _mm_sfence()
#else
#define STREAM_END() ((void)0)
#endif

INLINE vf vzero(void) { return vset(0.0f); }

/* Transposes VL x VL floats by perfect shuffles. */
INLINE void vtranspose(vf rows[VL]) {
  UNROLL for (int round = VL; round > 1; round /= 2) {
    vf shuffled[VL];
    UNROLL for (int i = 0; i < VL / 2; i++) {
      shuffled[2 * i] = vlow(rows[i], rows[i + VL / 2]);
      shuffled[2 * i + 1] = vhigh(rows[i], rows[i + VL / 2]);
    }
    UNROLL for (int i = 0; i < VL; i++) rows[i] = shuffled[i];
  }
}

#endif
