// Eight float32 lanes: AVX2, FMA and F16C. See lanes_baseline.h for what each operation promises.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "element.h"

namespace lpreg::cpu {
namespace {

struct Lanes {
  using Float = __m256;
  using Mask = __m256;
  using Count = __m256i;
  static constexpr int kWidth = 8;
  static constexpr bool kHasFma = true;
  static constexpr bool kCanStream = true;
  static constexpr bool kIsSmall = false;

  static LPREG_INLINE Float splat(float x) { return _mm256_set1_ps(x); }

  static LPREG_INLINE Float load(const float* p) { return _mm256_loadu_ps(p); }
  static LPREG_INLINE Float load(const Float16* p) { return _mm256_cvtph_ps(load_16(p)); }
  static LPREG_INLINE Float load(const BFloat16* p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(load_16(p)), 16));
  }

  static LPREG_INLINE Float load_even(const BFloat16* p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(load_pair(p), 16));
  }
  static LPREG_INLINE Float load_odd(const BFloat16* p) {
    const __m256i upper_halves = _mm256_set1_epi32(static_cast<int>(0xFFFF0000));
    return _mm256_castsi256_ps(_mm256_and_si256(load_pair(p), upper_halves));
  }

  static LPREG_INLINE void store(float* p, Float x) { _mm256_storeu_ps(p, x); }
  static LPREG_INLINE void stream(float* p, Float x) { _mm256_stream_ps(p, x); }
  static LPREG_INLINE void end_stream() { _mm_sfence(); }
  static LPREG_INLINE void store(Float16* p, Float x) {
    store_16(p, _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  static LPREG_INLINE void store(BFloat16* p, Float x) {
    const __m256i upper_halves =
        _mm256_setr_epi8(2, 3, 6, 7, 10, 11, 14, 15, -1, -1, -1, -1, -1, -1, -1, -1,  //
                         2, 3, 6, 7, 10, 11, 14, 15, -1, -1, -1, -1, -1, -1, -1, -1);
    const __m256i halves = _mm256_shuffle_epi8(rounded_to_upper_half(x), upper_halves);
    store_16(p, _mm256_castsi256_si128(_mm256_permute4x64_epi64(halves, 0x08)));
  }
  static LPREG_INLINE void store_pair(BFloat16* p, Float even, Float odd) {
    const __m256i lower = _mm256_srli_epi32(rounded_to_upper_half(even), 16);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                        _mm256_blend_epi16(lower, rounded_to_upper_half(odd), 0xAA));
  }

  static LPREG_INLINE Float fma(Float a, Float b, Float c) { return _mm256_fmadd_ps(a, b, c); }
  static LPREG_INLINE Float max(Float a, Float b) { return _mm256_max_ps(a, b); }
  static LPREG_INLINE Float min(Float a, Float b) { return _mm256_min_ps(a, b); }
  static LPREG_INLINE Float shift_left_23(Float x) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(x), 23));
  }

  static LPREG_INLINE Mask equal(Float a, Float b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
  static LPREG_INLINE Mask at_least(Float a, Float b) { return _mm256_cmp_ps(a, b, _CMP_GE_OQ); }
  static LPREG_INLINE Mask greater(Float a, Float b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
  static LPREG_INLINE Mask both(Mask a, Mask b) { return _mm256_and_ps(a, b); }
  static LPREG_INLINE Mask either(Mask a, Mask b) { return _mm256_or_ps(a, b); }
  static LPREG_INLINE Mask without(Mask a, Mask b) { return _mm256_andnot_ps(b, a); }
  static LPREG_INLINE bool any(Mask m) { return _mm256_movemask_ps(m) != 0; }

  static LPREG_INLINE Float select(Mask m, Float a, Float b) { return _mm256_blendv_ps(b, a, m); }
  static LPREG_INLINE Float zero_unless(Mask m, Float x) { return _mm256_and_ps(m, x); }
  static LPREG_INLINE Float add_where(Float sum, Mask m, Float x) { return sum + _mm256_and_ps(m, x); }
  static LPREG_INLINE Float add_unless(Float sum, Mask m, Float x) { return sum + _mm256_andnot_ps(m, x); }

  static LPREG_INLINE void add_to(double* totals, Float x) {
    const __m256d low = _mm256_cvtps_pd(_mm256_castps256_ps128(x));
    const __m256d high = _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1));
    _mm256_storeu_pd(totals, _mm256_loadu_pd(totals) + low);
    _mm256_storeu_pd(totals + 4, _mm256_loadu_pd(totals + 4) + high);
  }

  static LPREG_INLINE Count no_count() { return _mm256_setzero_si256(); }
  static LPREG_INLINE Count count_where(Count n, Mask m) {
    return _mm256_sub_epi32(n, _mm256_castps_si256(m));
  }
  static LPREG_INLINE int64_t total(Count n) {
    int32_t lanes[kWidth];
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(lanes), n);
    int64_t sum = 0;
    for (const int32_t lane : lanes) sum += lane;
    return sum;
  }

 private:
  // As bfloat16 in the upper half of each lane.
  static LPREG_INLINE __m256i rounded_to_upper_half(Float x) {
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i rounded = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7FFF)), odd);
    const __m256i is_nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    return _mm256_or_si256(rounded, is_nan);
  }
  static LPREG_INLINE __m256i load_pair(const void* p) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(p));
  }
  static LPREG_INLINE __m128i load_16(const void* p) {
    return _mm_loadu_si128(static_cast<const __m128i*>(p));
  }
  static LPREG_INLINE void store_16(void* p, __m128i x) { _mm_storeu_si128(static_cast<__m128i*>(p), x); }
};

}  // namespace
}  // namespace lpreg::cpu
