// exp(d / unit) for d <= 0, about 1 ulp for every d, by a table: fewer operations than the polynomial of
// polynomial_exp-inl.h, and each waits for fewer others, where one instruction looks up all lanes.
//
// exp(d / unit) = 2^(n/16) 2^r with n = round(16 d log2(e) / unit) and |r| <= 1/32.
//
// Results below 2^-125.5 are 0, so that no subnormal ever slows a sum down.
#pragma once

#include <cstdint>

#include "exp_unit-inl.h"

namespace lpreg::cpu {
namespace {

class TableExp {
 public:
  using Float = Lanes::Float;

  // exp(d / unit) = power 2^r = power (1 + r slope) where `live`, else 0.
  struct Term {
    Lanes::Mask live;
    Float d, power, r, slope;
  };

  explicit LPREG_INLINE TableExp(double unit) {
    unit = bounded_unit(unit);
    const TwoFloats per_unit(kLog2E / unit);
    per_unit_ = Lanes::splat(per_unit.upper);
    per_unit_rest_ = Lanes::splat(per_unit.rest);
    lowest_ = Lanes::splat(static_cast<float>(kLowestExponent * kLn2 * unit));
    powers_ = Lanes::load_table(kPowers);
  }

  // For any d <= 0, also -inf; NaN gives NaN.
  LPREG_INLINE Term at(Float d) const {
    // Adding 1.5 * 2^19 rounds to a sixteenth and leaves n in the low bits.
    const Float shift = Lanes::splat(0x1.8p19F);
    const Float shifted = Lanes::fma(d, per_unit_, shift);
    const Float r = Lanes::fma(d, per_unit_rest_, Lanes::fma(d, per_unit_, shift - shifted));
    const Float power = Lanes::add_shifted_left_19(Lanes::lookup(powers_, shifted), shifted);
    return {Lanes::not_less(d, lowest_), d, power, r, slope(r)};
  }
  static LPREG_INLINE Float value(const Term& x) {
    return Lanes::fma_or_zero(x.live, x.power, x.r * x.slope, x.power);
  }
  // sum + e d, which is `sum` for e = 0.
  static LPREG_INLINE Float add_moment(Float sum, const Term& x, Float e) {
    return Lanes::fma_where(x.live, e, x.d, sum);
  }
  // e factor + offset, which is `offset` for e = 0 whatever the factor.
  static LPREG_INLINE Float scaled(const Term& x, Float factor, Float offset) {
    return Lanes::fma_where(x.live, value(x), factor, offset);
  }

 private:
  static constexpr double kLowestExponent = -125.5;

  // (2^r - 1) / r: minimax, with a relative error of 2^r below 1.6e-9.
  static LPREG_INLINE Float slope(Float r) {
    const Float q = Lanes::fma(r, Lanes::splat(0x1.c6ac6ap-5F), Lanes::splat(0x1.ebfff4p-3F));
    return Lanes::fma(r, q, Lanes::splat(0x1.62e43p-1F));
  }

  // The bits of 2^(i/16) less i << 19: adding n << 19 gives those of 2^(n/16). The fourth is rounded up, not
  // to nearest, so that the errors of all add up to nearly nothing.
  static constexpr uint32_t kPowers[16] = {
      0x3F800000, 0x3F7DAAC3, 0x3F7B95C2, 0x3F79C3D4, 0x3F7837F0, 0x3F76F532, 0x3F75FED7, 0x3F75583F,
      0x3F7504F3, 0x3F7508A4, 0x3F75672A, 0x3F76248C, 0x3F7744FD, 0x3F78CCDF, 0x3F7AC0C7, 0x3F7D257D};

  Float per_unit_, per_unit_rest_;  // log2(e) / unit
  Float lowest_;
  Lanes::Table powers_;
};

}  // namespace
}  // namespace lpreg::cpu
