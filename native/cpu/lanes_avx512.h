// Sixteen float32 lanes: AVX-512 F, BW, DQ and VL. See lanes_baseline.h for what each operation promises.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "element.h"

namespace lpreg::cpu {
namespace {

struct Lanes {
  using Float = __m512;
  using Mask = __mmask16;
  using Count = __m512i;
  using Table = __m512;  // sixteen entries
  static constexpr int kWidth = 16;
  static constexpr bool kHasFma = true;
  static constexpr bool kCanStream = true;
  static constexpr bool kIsSmall = false;

  static LPREG_INLINE Float splat(float x) { return _mm512_set1_ps(x); }

  static LPREG_INLINE Float load(const float* p) { return _mm512_loadu_ps(p); }
  static LPREG_INLINE Float load(const Float16* p) { return _mm512_cvtph_ps(load_16(p)); }
  static LPREG_INLINE Float load(const BFloat16* p) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(load_16(p)), 16));
  }

  static LPREG_INLINE Float load_even(const BFloat16* p) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(p), 16));
  }
  static LPREG_INLINE Float load_odd(const BFloat16* p) {
    const __m512i upper_halves = _mm512_set1_epi32(static_cast<int>(0xFFFF0000));
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_loadu_si512(p), upper_halves));
  }

  static LPREG_INLINE void store(float* p, Float x) { _mm512_storeu_ps(p, x); }
  static LPREG_INLINE void stream(float* p, Float x) { _mm512_stream_ps(p, x); }
  static LPREG_INLINE void end_stream() { _mm_sfence(); }
  static LPREG_INLINE void store(Float16* p, Float x) {
    store_16(p, _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  static LPREG_INLINE void store(BFloat16* p, Float x) {
    const __m512i upper_halves =
        _mm512_set_epi16(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1,  //
                         31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
    store_16(p, _mm512_castsi512_si256(_mm512_permutexvar_epi16(upper_halves, rounded_to_upper_half(x))));
  }
  static LPREG_INLINE void store_pair(BFloat16* p, Float even, Float odd) {
    const __m512i lower = _mm512_srli_epi32(rounded_to_upper_half(even), 16);
    _mm512_storeu_si512(p, _mm512_mask_blend_epi16(0xAAAAAAAA, lower, rounded_to_upper_half(odd)));
  }

  static LPREG_INLINE Float fma(Float a, Float b, Float c) { return _mm512_fmadd_ps(a, b, c); }
  static LPREG_INLINE Float max(Float a, Float b) { return _mm512_max_ps(a, b); }
  static LPREG_INLINE Float min(Float a, Float b) { return _mm512_min_ps(a, b); }
  static LPREG_INLINE Float shift_left_23(Float x) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(x), 23));
  }

  // Of the table's entry for the low four bits of each lane.
  static LPREG_INLINE Table load_table(const uint32_t* entries) { return _mm512_loadu_ps(entries); }
  static LPREG_INLINE Float lookup(Table table, Float index) {
    return _mm512_permutexvar_ps(_mm512_castps_si512(index), table);
  }
  // Adds bits, not numbers.
  static LPREG_INLINE Float add_shifted_left_19(Float bits, Float x) {
    const __m512i shifted = _mm512_slli_epi32(_mm512_castps_si512(x), 19);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(bits), shifted));
  }

  static LPREG_INLINE Mask equal(Float a, Float b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
  static LPREG_INLINE Mask at_least(Float a, Float b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ); }
  static LPREG_INLINE Mask greater(Float a, Float b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
  // True for NaN.
  static LPREG_INLINE Mask not_less(Float a, Float b) { return _mm512_cmp_ps_mask(a, b, _CMP_NLT_UQ); }
  static LPREG_INLINE Mask both(Mask a, Mask b) { return _kand_mask16(a, b); }
  static LPREG_INLINE Mask either(Mask a, Mask b) { return _kor_mask16(a, b); }
  static LPREG_INLINE Mask without(Mask a, Mask b) { return _kandn_mask16(b, a); }
  static LPREG_INLINE bool any(Mask m) { return m != 0; }

  static LPREG_INLINE Float select(Mask m, Float a, Float b) { return _mm512_mask_blend_ps(m, b, a); }
  static LPREG_INLINE Float zero_unless(Mask m, Float x) { return _mm512_maskz_mov_ps(m, x); }
  // a b + c, or 0 or c in the other lanes.
  static LPREG_INLINE Float fma_or_zero(Mask m, Float a, Float b, Float c) {
    return _mm512_maskz_fmadd_ps(m, a, b, c);
  }
  static LPREG_INLINE Float fma_where(Mask m, Float a, Float b, Float c) {
    return _mm512_mask3_fmadd_ps(a, b, c, m);
  }
  static LPREG_INLINE Float add_where(Float sum, Mask m, Float x) {
    return _mm512_mask_add_ps(sum, m, sum, x);
  }
  static LPREG_INLINE Float add_unless(Float sum, Mask m, Float x) {
    return _mm512_mask_add_ps(sum, _knot_mask16(m), sum, x);
  }

  static LPREG_INLINE void add_to(double* totals, Float x) {
    const __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(x));
    const __m512d high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1));
    _mm512_storeu_pd(totals, _mm512_loadu_pd(totals) + low);
    _mm512_storeu_pd(totals + 8, _mm512_loadu_pd(totals + 8) + high);
  }

  static LPREG_INLINE Count no_count() { return _mm512_setzero_si512(); }
  static LPREG_INLINE Count count_where(Count n, Mask m) {
    return _mm512_mask_add_epi32(n, m, n, _mm512_set1_epi32(1));
  }
  static LPREG_INLINE int64_t total(Count n) {
    int32_t lanes[kWidth];
    _mm512_storeu_si512(lanes, n);
    int64_t sum = 0;
    for (const int32_t lane : lanes) sum += lane;
    return sum;
  }

 private:
  // As bfloat16 in the upper half of each lane. Not vcvtneps2bf16, which flushes subnormals.
  static LPREG_INLINE __m512i rounded_to_upper_half(Float x) {
    // Any NaN becomes the one that rounding leaves a NaN.
    const __m512i bits = _mm512_castps_si512(_mm512_fixupimm_ps(x, x, _mm512_set1_epi32(0x33), 0));
    const Mask odd = _mm512_test_epi32_mask(bits, _mm512_set1_epi32(0x10000));
    const __m512i down = _mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF));
    return _mm512_mask_add_epi32(down, odd, down, _mm512_set1_epi32(1));
  }
  static LPREG_INLINE __m256i load_16(const void* p) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(p));
  }
  static LPREG_INLINE void store_16(void* p, __m256i x) { _mm256_storeu_si256(static_cast<__m256i*>(p), x); }
};

}  // namespace
}  // namespace lpreg::cpu
