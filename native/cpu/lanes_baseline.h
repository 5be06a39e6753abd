// Four float32 lanes in GCC's and clang's vector extensions: any machine, no instruction set assumed.
//
// Each lanes_*.h defines one struct Lanes with these operations; a target_*.cpp includes exactly one of them
// before the row kernels. The masks of comparisons are false for NaN; max and min return their second
// argument when either is NaN, so that max(bound, x) lets NaN through.
#pragma once

#include <cstdint>

#include "element.h"

namespace lpreg::cpu {
namespace {

struct Lanes {
  typedef float Float __attribute__((vector_size(16)));
  typedef int32_t Mask __attribute__((vector_size(16)));
  typedef int32_t Count __attribute__((vector_size(16)));
  static constexpr int kWidth = 4;
  static constexpr bool kHasFma = false;
  static constexpr bool kCanStream = false;
  static constexpr bool kIsSmall = true;

  static LPREG_INLINE Float splat(float x) { return Float{x, x, x, x}; }

  static LPREG_INLINE Float load(const float* p) {
    Float x;
    __builtin_memcpy(&x, p, sizeof x);
    return x;
  }
  static LPREG_INLINE Float load(const BFloat16* p) { return as_float(load_16(p) << 16); }
  // The elements at even, and at odd, positions of two vectors of them.
  static LPREG_INLINE Float load_even(const BFloat16* p) { return as_float(load_pair(p) << 16); }
  static LPREG_INLINE Float load_odd(const BFloat16* p) { return as_float(load_pair(p) & 0xFFFF0000); }
  // Exponent and fraction move into place; the factor 2^112 corrects the exponent's bias and makes subnormals
  // normal.
  static LPREG_INLINE Float load(const Float16* p) {
    const Bits half = load_16(p);
    const Bits magnitude = half & 0x7FFF;
    const Float finite = as_float(magnitude << 13) * splat(0x1p112F);
    const Mask special = magnitude >= 0x7C00;
    const Bits bits = as_bits(finite) | (Bits(special) & 0x7F800000) | ((half & 0x8000) << 16);
    return as_float(bits);
  }

  static LPREG_INLINE void store(float* p, Float x) { __builtin_memcpy(p, &x, sizeof x); }
  // Past the caches where kCanStream, to a multiple of a vector's size; others see it after end_stream().
  static LPREG_INLINE void stream(float* p, Float x) { store(p, x); }
  static LPREG_INLINE void end_stream() {}
  static LPREG_INLINE void store(BFloat16* p, Float x) { store_16(p, rounded_to_upper_half(x) >> 16); }
  // To where load_even and load_odd read.
  static LPREG_INLINE void store_pair(BFloat16* p, Float even, Float odd) {
    const Bits both = rounded_to_upper_half(even) >> 16 | (rounded_to_upper_half(odd) & 0xFFFF0000);
    __builtin_memcpy(p, &both, sizeof both);
  }
  static LPREG_INLINE void store(Float16* p, Float x) {
    const Bits sign = as_bits(x) & 0x80000000;
    const Bits bits = as_bits(x) ^ sign;
    // Below 2^-14 the sum with 0.5 has the spacing of half's subnormals and rounds as the processor does.
    const Bits subnormal = as_bits(as_float(bits) + splat(0.5F)) - 0x3F000000;
    const Bits normal = (bits + 0xFFF + ((bits >> 13) & 1) - (112U << 23)) >> 13;
    const Bits infinite_or_nan = Mask(x != x) ? (bits >> 13 & 0x3FF) | 0x7E00 : Bits{} + 0x7C00;
    const Bits finite = Mask(bits < (113U << 23)) ? subnormal : normal;
    // From 65520 on, half of the last step above the largest half, all round to infinity.
    const Bits half = Mask(bits >= 0x477FF000) ? infinite_or_nan : finite;
    store_16(p, half | (sign >> 16));
  }

  // No fused multiply-add here: kernels ask kHasFma where the single rounding matters.
  static LPREG_INLINE Float fma(Float a, Float b, Float c) { return a * b + c; }
  static LPREG_INLINE Float max(Float a, Float b) { return a > b ? a : b; }
  static LPREG_INLINE Float min(Float a, Float b) { return a < b ? a : b; }
  static LPREG_INLINE Float shift_left_23(Float x) { return as_float(as_bits(x) << 23); }

  static LPREG_INLINE Mask equal(Float a, Float b) { return a == b; }
  static LPREG_INLINE Mask at_least(Float a, Float b) { return a >= b; }
  static LPREG_INLINE Mask greater(Float a, Float b) { return a > b; }
  static LPREG_INLINE Mask both(Mask a, Mask b) { return a & b; }
  static LPREG_INLINE Mask either(Mask a, Mask b) { return a | b; }
  static LPREG_INLINE Mask without(Mask a, Mask b) { return a & ~b; }
  static LPREG_INLINE bool any(Mask m) {
    int32_t lanes = 0;
    for (int i = 0; i < kWidth; ++i) lanes |= m[i];
    return lanes != 0;
  }

  static LPREG_INLINE Float select(Mask m, Float a, Float b) { return m ? a : b; }
  static LPREG_INLINE Float zero_unless(Mask m, Float x) { return as_float(as_bits(x) & Bits(m)); }
  static LPREG_INLINE Float add_where(Float sum, Mask m, Float x) { return sum + zero_unless(m, x); }
  static LPREG_INLINE Float add_unless(Float sum, Mask m, Float x) { return sum + zero_unless(~m, x); }

  // Adds each lane to totals[lane].
  static LPREG_INLINE void add_to(double* totals, Float x) {
    for (int i = 0; i < kWidth; ++i) totals[i] += static_cast<double>(x[i]);
  }

  static LPREG_INLINE Count no_count() { return Count{}; }
  static LPREG_INLINE Count count_where(Count n, Mask m) { return n - m; }
  static LPREG_INLINE int64_t total(Count n) {
    int64_t sum = 0;
    for (int i = 0; i < kWidth; ++i) sum += n[i];
    return sum;
  }

 private:
  typedef uint32_t Bits __attribute__((vector_size(16)));
  typedef uint16_t Bits16 __attribute__((vector_size(8)));

  static LPREG_INLINE Bits as_bits(Float x) { return reinterpret_cast<Bits>(x); }
  static LPREG_INLINE Float as_float(Bits x) { return reinterpret_cast<Float>(x); }

  // As bfloat16 in the upper half of each lane.
  static LPREG_INLINE Bits rounded_to_upper_half(Float x) {
    const Bits bits = as_bits(x);
    const Bits rounded = bits + 0x7FFF + ((bits >> 16) & 1);
    return Mask(x != x) ? bits | 0x400000 : rounded;
  }
  static LPREG_INLINE Bits load_16(const void* p) {
    Bits16 x;
    __builtin_memcpy(&x, p, sizeof x);
    return __builtin_convertvector(x, Bits);
  }
  static LPREG_INLINE Bits load_pair(const void* p) {
    Bits x;
    __builtin_memcpy(&x, p, sizeof x);
    return x;
  }
  static LPREG_INLINE void store_16(void* p, Bits x) {
    const Bits16 low = __builtin_convertvector(x, Bits16);
    __builtin_memcpy(p, &low, sizeof low);
  }
};

}  // namespace
}  // namespace lpreg::cpu
