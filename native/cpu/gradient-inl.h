// The gradient row: one load, exp, one store per vector.
#pragma once

#include "distance-inl.h"
#include "sweep-inl.h"

namespace lpreg::cpu {
namespace {

// Without an entropy bonus, a filter or a proxy one factor of e and the constant are all there is.
LPREG_INLINE bool is_simple(const GradientParams& params) {
  return params.kept == params.dropped && params.slope == 0 && params.proxy == nullptr;
}

template <bool kSoftcap, bool kSimple, class T, class Out>
struct Gradient : EveryBlockAlike {
  const T* row;
  Out* out;
  const float* q;
  const NextRow<T> next;
  const Distance<kSoftcap> distance;
  const Exp exp;
  const Lanes::Float cut, kept, dropped, slope, constant, minus_proxy_scale;

  LPREG_INLINE Gradient(const T* data, const void* next_row, const GradientParams& params, Out* gradient)
      : row(data),
        out(gradient),
        q(params.proxy),
        next(data, next_row),
        distance(params.max, params.exp),
        exp(params.exp.temperature),
        cut(Lanes::splat(params.cut)),
        kept(Lanes::splat(static_cast<float>(params.kept))),
        dropped(Lanes::splat(static_cast<float>(params.dropped))),
        slope(Lanes::splat(static_cast<float>(params.slope))),
        constant(Lanes::splat(static_cast<float>(params.constant))),
        minus_proxy_scale(Lanes::splat(-static_cast<float>(params.proxy_scale))) {}

  template <class Where>
  LPREG_INLINE void step(int, Where where) {
    next.fetch(where.index);
    const auto point = distance.at(where.load(row));
    const Lanes::Float d = exp.finite(point.d);
    Lanes::Float factor = kept, offset = constant;
    if constexpr (!kSimple) {
      factor = Lanes::fma(slope, d, Lanes::select(Lanes::at_least(point.d, cut), kept, dropped));
      if (q != nullptr) offset = Lanes::fma(minus_proxy_scale, where.load(q), constant);
    }
    const Exp::Reduced x = exp.reduce(d);
    Lanes::Float g = Lanes::fma(Exp::fraction(x), x.scale * factor, offset);
    if constexpr (kSoftcap) g = g * point.derivative;
    where.store(out, g);
  }
  LPREG_INLINE void flush() {}
};

template <bool kSoftcap, bool kSimple, class T, class Out>
LPREG_INLINE void sweep_gradient(const T* row, const void* next, int64_t count, const GradientParams& params,
                                 Out* out) {
  Gradient<kSoftcap, kSimple, T, Out> body(row, next, params, out);
  sweep(count, body);
}

}  // namespace
}  // namespace lpreg::cpu
