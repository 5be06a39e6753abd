// exp(d / unit) for d <= 0, about 1 ulp for every d.
//
// exp(d / unit) = 2^k 2^r with k = round(d log2(e) / unit) and |r| <= 1/2. The reduction keeps r to float32
// precision however large d is: with fused multiply-add log2(e)/unit is a sum of two floats; without it unit
// ln(2) is, and its upper part has few enough bits for an exact product with k (Cody and Waite).
//
// Results below 2^-125.5 (1.42 times the smallest normal number) are 0, so no subnormal ever slows a sum
// down. The processor's own flush modes stay off.
#pragma once

#include <cstdint>

#include "exp_unit-inl.h"

namespace lpreg::cpu {
namespace {

class PolynomialExp {
 public:
  using Float = Lanes::Float;

  // exp(d / unit) = 2 scale 2^r.
  struct Reduced {
    Float scale, r;
  };
  struct Term {
    Float d;  // finite: where it was less than any d with e > 0, such a d with e = 0
    Reduced reduced;
  };

  explicit LPREG_INLINE PolynomialExp(double unit) {
    unit = bounded_unit(unit);
    const TwoFloats per_unit(kLog2E / unit);
    per_unit_ = Lanes::splat(per_unit.upper);
    per_unit_rest_ = Lanes::splat(per_unit.rest);
    const double step = kLn2 * unit;
    const float exact_step = upper_bits(static_cast<float>(step));
    step_ = Lanes::splat(exact_step);
    step_rest_ = Lanes::splat(static_cast<float>(step - static_cast<double>(exact_step)));
    lowest_ = Lanes::splat(static_cast<float>(kLowestExponent * step));
  }

  // For any d <= 0, also -inf; NaN gives NaN.
  LPREG_INLINE Term at(Float d) const {
    const Float finite = Lanes::max(lowest_, d);
    return {finite, reduce(finite)};
  }

  static LPREG_INLINE Float value(const Term& x) { return exp(x.reduced); }
  // sum + e d, which is `sum` for e = 0.
  static LPREG_INLINE Float add_moment(Float sum, const Term& x, Float e) { return Lanes::fma(e, x.d, sum); }
  // e factor + offset, which is `offset` for e = 0.
  static LPREG_INLINE Float scaled(const Term& x, Float factor, Float offset) {
    return Lanes::fma(fraction(x.reduced), x.reduced.scale * factor, offset);
  }

  LPREG_INLINE Reduced reduce(Float d) const {
    // Adding 1.5 * 2^23 rounds to an integer; adding -kLowestExponent too leaves the biased exponent of
    // 2^(k-1) in the low bits, which is 0, and so is the float made of it, for k = kLowestExponent.
    const Float shift = Lanes::splat(0x1.8p23F - static_cast<float>(kLowestExponent));
    const Float shifted = Lanes::fma(d, per_unit_, shift);
    const Float k = shifted - shift;
    const Float scale = Lanes::shift_left_23(shifted);
    if constexpr (Lanes::kHasFma) {
      return {scale, Lanes::fma(d, per_unit_rest_, Lanes::fma(d, per_unit_, -k))};
    } else {
      return {scale, ((d - k * step_) - k * step_rest_) * per_unit_};
    }
  }
  // Reduces d + rest, where rest is what rounding took from d.
  LPREG_INLINE Reduced reduce(Float d, Float rest) const {
    const Reduced upper = reduce(d);
    return {upper.scale, Lanes::fma(rest, per_unit_, upper.r)};
  }

  static LPREG_INLINE Float exp(const Reduced& x) { return fraction(x) * x.scale; }
  // exp - 1, precise near 0.
  static LPREG_INLINE Float exp_minus_1(const Reduced& x) {
    const Float exact = x.scale + x.scale - Lanes::splat(1.0F);
    return Lanes::fma(x.r * slope(x.r), x.scale, exact);
  }

 private:
  // exp / scale: a use that multiplies another factor by `scale`, a power of two, waits less long for exp.
  static LPREG_INLINE Float fraction(const Reduced& x) {
    return Lanes::fma(x.r, slope(x.r), Lanes::splat(2.0F));
  }

  static constexpr int kLowestExponent = -126;

  // 2 (2^r - 1) / r: minimax, with a relative error of 2^r below 7.3e-9.
  static LPREG_INLINE Float slope(Float r) {
    Float q = Lanes::splat(0x1.47139ap-12F);
    q = Lanes::fma(q, r, Lanes::splat(0x1.5f7578p-9F));
    q = Lanes::fma(q, r, Lanes::splat(0x1.3b27c4p-6F));
    q = Lanes::fma(q, r, Lanes::splat(0x1.c6aecep-4F));
    q = Lanes::fma(q, r, Lanes::splat(0x1.ebfbep-2F));
    return Lanes::fma(q, r, Lanes::splat(0x1.62e43p+0F));
  }

  // The upper 17 bits of the fraction: times an integer up to 126 still exact in float32.
  static LPREG_INLINE float upper_bits(float x) {
    uint32_t bits;
    __builtin_memcpy(&bits, &x, sizeof bits);
    bits &= 0xFFFFFF80;
    __builtin_memcpy(&x, &bits, sizeof x);
    return x;
  }

  Float per_unit_, per_unit_rest_;  // log2(e) / unit
  Float step_, step_rest_;          // unit ln(2); used without fused multiply-add
  Float lowest_;
};

}  // namespace
}  // namespace lpreg::cpu
