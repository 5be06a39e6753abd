// The gradient row: one load, exp, one store per vector.
#pragma once

namespace lpreg::cpu {
namespace {

template <bool kSoftcap, bool kProxy, class T, class Out>
struct Gradient {
  static constexpr int kUnroll = cpu::kUnroll;

  const T* row;
  Out* out;
  const float* q;
  const Distance<kSoftcap> distance;
  const Exp exp;
  const Lanes::Float cut, kept, dropped, slope, constant, minus_proxy_scale;

  LPREG_INLINE Gradient(const T* data, const GradientParams& params, Out* gradient)
      : row(data),
        out(gradient),
        q(params.proxy),
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
    const auto point = distance.at(where.load(row));
    const Lanes::Float d = exp.finite(point.d);
    const Lanes::Float factor = Lanes::select(Lanes::at_least(point.d, cut), kept, dropped);
    Lanes::Float offset = constant;
    if constexpr (kProxy) offset = Lanes::fma(minus_proxy_scale, where.load(q), constant);
    Lanes::Float g = Lanes::fma(exp(d), Lanes::fma(slope, d, factor), offset);
    if constexpr (kSoftcap) g = g * point.derivative;
    where.store(out, g);
  }
  LPREG_INLINE void flush() {}
};

template <bool kSoftcap, bool kProxy, class T, class Out>
LPREG_INLINE void sweep_gradient(const T* row, int64_t count, const GradientParams& params, Out* out) {
  Gradient<kSoftcap, kProxy, T, Out> body(row, params, out);
  sweep(count, body);
}

}  // namespace
}  // namespace lpreg::cpu
