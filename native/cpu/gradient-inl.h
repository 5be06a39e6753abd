// The gradient row: one load, exp, one store per vector.
#pragma once

#include "distance-inl.h"
#include "sweep-inl.h"

namespace lpreg::cpu {
namespace {

// What the factor of e depends on.
enum class GradientKind {
  kSimple,    // nothing: no entropy bonus, no filter, no proxy
  kFiltered,  // whether the token is kept
  kFull,
};

LPREG_INLINE GradientKind kind_of(const GradientParams& params) {
  if (params.slope != 0 || params.proxy != nullptr) return GradientKind::kFull;
  return params.kept == params.dropped ? GradientKind::kSimple : GradientKind::kFiltered;
}

template <bool kSoftcap, GradientKind kKind, class Row, class Output>
struct Gradient : EveryBlockAlike {
  const Row row;
  const Output out;
  const float* q;
  const NextRow<Row> next;
  const Distance<kSoftcap> distance;
  const Exp exp;
  const Lanes::Float cut, kept, dropped, slope, constant, minus_proxy_scale;

  LPREG_INLINE Gradient(Row data, const RowView& view, const GradientParams& params, Output gradient)
      : row(data),
        out(gradient),
        q(params.proxy),
        next(view, kFetchedByGradient),
        distance(params.max, params.exp),
        exp(params.exp.temperature),
        cut(Lanes::splat(params.cut)),
        kept(Lanes::splat(static_cast<float>(params.kept))),
        dropped(Lanes::splat(static_cast<float>(params.dropped))),
        slope(Lanes::splat(static_cast<float>(params.slope))),
        constant(Lanes::splat(static_cast<float>(params.constant))),
        minus_proxy_scale(Lanes::splat(-static_cast<float>(params.proxy_scale))) {}

  template <class Where>
  LPREG_INLINE void step(int k, Where where) {
    next.fetch(k, where.index);
    const auto point = distance.at(where.load(row));
    const Exp::Term x = exp.at(point.d);
    Lanes::Float factor = kept, offset = constant;
    if constexpr (kKind != GradientKind::kSimple) {
      factor = Lanes::select(Lanes::at_least(point.d, cut), kept, dropped);
    }
    if constexpr (kKind == GradientKind::kFull) {
      factor = Lanes::fma(slope, x.d, factor);
      if (q != nullptr) offset = Lanes::fma(minus_proxy_scale, where.load(q), constant);
    }
    Lanes::Float g = Exp::scaled(x, factor, offset);
    if constexpr (kSoftcap) g = g * point.derivative;
    where.store(out, g);
  }
  LPREG_INLINE void flush() {}
};

template <bool kSoftcap, GradientKind kKind, class Row, class Output>
LPREG_INLINE void sweep_gradient(Row row, const RowView& view, const GradientParams& params, Output out) {
  Gradient<kSoftcap, kKind, Row, Output> body(row, view, params, out);
  sweep(view.count, body);
}

}  // namespace
}  // namespace lpreg::cpu
