// d = z' - max', the distance of a logit from its row's maximum, with and without softcap.
#pragma once

#include "polynomial_exp-inl.h"
#include "row_kernels.h"

namespace lpreg::cpu {
namespace {

constexpr float kMinusInfinity = -__builtin_inff();
constexpr float kLowestFinite = -0x1.fffffep127F;

// A row of nothing but -inf and NaN measures from 0, so that its -inf elements still have e = 0.
LPREG_INLINE float finite_maximum(float max) { return max == kMinusInfinity ? 0.0F : max; }

// A cut of -inf acts like the lowest finite number, so that tokens at -inf are never kept.
LPREG_INLINE Lanes::Float finite_cut(float cut) {
  return Lanes::splat(cut < kLowestFinite ? kLowestFinite : cut);
}

LPREG_INLINE Lanes::Mask is_minus_infinity(Lanes::Float d) {
  return Lanes::greater(Lanes::splat(kLowestFinite), d);
}

template <bool kSoftcap>
class Distance;

template <>
class Distance<false> {
 public:
  using Float = Lanes::Float;
  struct Point {
    Float d;
  };

  LPREG_INLINE Distance(float max, const ExpParams&) : max_(Lanes::splat(finite_maximum(max))) {}

  LPREG_INLINE Point at(Float z) const { return {z - max_}; }

 private:
  Float max_;
};

// With x = 2 (z - max) / cap, w = exp(x) and s = exp(-2 |max| / cap) the addition theorem of tanh gives
//   cap tanh(z / cap) - cap tanh(max / cap) = 2 cap s / (1 + s) * (w - 1) / (w a + b),
//   1 - tanh(z / cap)^2 = 4 s w / (w a + b)^2,
// where (a, b) = (1, s) for max >= 0 and (s, 1) otherwise. Nothing cancels: d is precise in itself, not only
// beside cap, exactly 0 for a maximiser and never positive.
template <>
class Distance<true> {
 public:
  using Float = Lanes::Float;
  struct Point {
    Float d;
    Float derivative;  // dz'/dz
  };

  LPREG_INLINE Distance(float max, const ExpParams& params)
      : Distance(finite_maximum(max), clamp(params.softcap, kSmallestUnit, kLargestUnit)) {}

  LPREG_INLINE Point at(Float z) const {
    const Float bounded = Lanes::min(bound_, Lanes::max(-bound_, z));
    // bounded - max = difference + rest exactly (Knuth's sum); where the maximum saturates, w needs both.
    const Float difference = bounded - max_;
    const Float subtracted = difference - bounded;
    const Float rest = (bounded - (difference - subtracted)) - (max_ + subtracted);
    const PolynomialExp::Reduced x = exp_.reduce(difference, rest);
    const Float w = PolynomialExp::exp(x);
    const Float reciprocal = Lanes::splat(1.0F) / Lanes::fma(w, a_, b_);
    const Float d = numerator_ * PolynomialExp::exp_minus_1(x) * reciprocal;
    const Float derivative = (derivative_numerator_ * reciprocal) * (w * reciprocal);
    const Lanes::Mask masked_token = is_minus_infinity(z);
    return {Lanes::select(masked_token, Lanes::splat(kMinusInfinity), d),
            Lanes::select(masked_token, Lanes::splat(0.0F), derivative)};
  }

 private:
  // Beyond 20 caps tanh is 1 to within 1e-17.
  static constexpr double kSaturation = 20.0;

  LPREG_INLINE Distance(float max, double cap) : exp_(0.5 * cap) {
    const float bound = static_cast<float>(kSaturation * cap);
    const float bounded = max < -bound ? -bound : max > bound ? bound : max;
    const double s = __builtin_exp(-2.0 * __builtin_fabs(static_cast<double>(bounded)) / cap);
    bound_ = Lanes::splat(bound);
    max_ = Lanes::splat(bounded);
    a_ = Lanes::splat(static_cast<float>(bounded >= 0 ? 1.0 : s));
    b_ = Lanes::splat(static_cast<float>(bounded >= 0 ? s : 1.0));
    numerator_ = Lanes::splat(static_cast<float>(2.0 * cap * s / (1.0 + s)));
    derivative_numerator_ = Lanes::splat(static_cast<float>(4.0 * s));
  }

  PolynomialExp exp_;  // of 2 d / cap
  Float bound_, max_, a_, b_, numerator_, derivative_numerator_;
};

}  // namespace
}  // namespace lpreg::cpu
