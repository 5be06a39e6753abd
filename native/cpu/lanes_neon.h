// Four float32 lanes: NEON of any 64-bit ARM processor, with its fused multiply-add and its conversions of
// float16. See lanes_baseline.h for what each operation promises.
#pragma once

#include <arm_neon.h>

#include <cstdint>

#include "element.h"

namespace lpreg::cpu {
namespace {

struct Lanes {
  using Float = float32x4_t;
  using Mask = uint32x4_t;
  using Count = uint32x4_t;
  static constexpr int kWidth = 4;
  static constexpr bool kHasFma = true;
  static constexpr bool kCanStream = false;
  static constexpr bool kIsSmall = false;

  static LPREG_INLINE Float splat(float x) { return vdupq_n_f32(x); }

  static LPREG_INLINE Float load(const float* p) { return vld1q_f32(p); }
  static LPREG_INLINE Float load(const Float16* p) { return vcvt_f32_f16(vreinterpret_f16_u16(load_16(p))); }
  static LPREG_INLINE Float load(const BFloat16* p) {
    return vreinterpretq_f32_u32(vshll_n_u16(load_16(p), 16));
  }
  static LPREG_INLINE Float load_even(const BFloat16* p) {
    return vreinterpretq_f32_u32(vshlq_n_u32(load_pair(p), 16));
  }
  static LPREG_INLINE Float load_odd(const BFloat16* p) {
    return vreinterpretq_f32_u32(vandq_u32(load_pair(p), vdupq_n_u32(0xFFFF0000)));
  }

  static LPREG_INLINE void store(float* p, Float x) { vst1q_f32(p, x); }
  static LPREG_INLINE void stream(float* p, Float x) { store(p, x); }
  static LPREG_INLINE void end_stream() {}
  static LPREG_INLINE void store(Float16* p, Float x) { store_16(p, vreinterpret_u16_f16(vcvt_f16_f32(x))); }
  static LPREG_INLINE void store(BFloat16* p, Float x) {
    store_16(p, vshrn_n_u32(rounded_to_upper_half(x), 16));
  }
  static LPREG_INLINE void store_pair(BFloat16* p, Float even, Float odd) {
    const uint32x4_t both = vsriq_n_u32(rounded_to_upper_half(odd), rounded_to_upper_half(even), 16);
    vst1q_u16(reinterpret_cast<uint16_t*>(p), vreinterpretq_u16_u32(both));
  }

  static LPREG_INLINE Float fma(Float a, Float b, Float c) { return vfmaq_f32(c, a, b); }
  // Not vmaxq_f32 and vminq_f32, which return NaN whichever argument is one.
  static LPREG_INLINE Float max(Float a, Float b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
  static LPREG_INLINE Float min(Float a, Float b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
  static LPREG_INLINE Float shift_left_23(Float x) {
    return vreinterpretq_f32_u32(vshlq_n_u32(vreinterpretq_u32_f32(x), 23));
  }

  static LPREG_INLINE Mask equal(Float a, Float b) { return vceqq_f32(a, b); }
  static LPREG_INLINE Mask at_least(Float a, Float b) { return vcgeq_f32(a, b); }
  static LPREG_INLINE Mask greater(Float a, Float b) { return vcgtq_f32(a, b); }
  static LPREG_INLINE Mask both(Mask a, Mask b) { return vandq_u32(a, b); }
  static LPREG_INLINE Mask either(Mask a, Mask b) { return vorrq_u32(a, b); }
  static LPREG_INLINE Mask without(Mask a, Mask b) { return vbicq_u32(a, b); }
  static LPREG_INLINE bool any(Mask m) { return vmaxvq_u32(m) != 0; }

  static LPREG_INLINE Float select(Mask m, Float a, Float b) { return vbslq_f32(m, a, b); }
  static LPREG_INLINE Float zero_unless(Mask m, Float x) {
    return vreinterpretq_f32_u32(vandq_u32(m, vreinterpretq_u32_f32(x)));
  }
  static LPREG_INLINE Float add_where(Float sum, Mask m, Float x) { return sum + zero_unless(m, x); }
  static LPREG_INLINE Float add_unless(Float sum, Mask m, Float x) {
    return sum + vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(x), m));
  }

  static LPREG_INLINE void add_to(double* totals, Float x) {
    vst1q_f64(totals, vaddq_f64(vld1q_f64(totals), vcvt_f64_f32(vget_low_f32(x))));
    vst1q_f64(totals + 2, vaddq_f64(vld1q_f64(totals + 2), vcvt_high_f64_f32(x)));
  }

  static LPREG_INLINE Count no_count() { return vdupq_n_u32(0); }
  static LPREG_INLINE Count count_where(Count n, Mask m) { return vsubq_u32(n, m); }
  static LPREG_INLINE int64_t total(Count n) { return static_cast<int64_t>(vaddlvq_u32(n)); }

 private:
  // As bfloat16 in the upper half of each lane.
  static LPREG_INLINE uint32x4_t rounded_to_upper_half(Float x) {
    const uint32x4_t bits = vreinterpretq_u32_f32(x);
    const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    const uint32x4_t rounded = vaddq_u32(vaddq_u32(bits, vdupq_n_u32(0x7FFF)), odd);
    const uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x400000));
    return vbslq_u32(vceqq_f32(x, x), rounded, quiet);
  }
  static LPREG_INLINE uint32x4_t load_pair(const BFloat16* p) {
    return vreinterpretq_u32_u16(vld1q_u16(reinterpret_cast<const uint16_t*>(p)));
  }
  static LPREG_INLINE uint16x4_t load_16(const void* p) { return vld1_u16(static_cast<const uint16_t*>(p)); }
  static LPREG_INLINE void store_16(void* p, uint16x4_t x) { vst1_u16(static_cast<uint16_t*>(p), x); }
};

}  // namespace
}  // namespace lpreg::cpu
