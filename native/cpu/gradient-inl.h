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

template <class Row, class Output>
constexpr bool kAreBFloat16 = false;
template <>
constexpr bool kAreBFloat16<const BFloat16*, BFloat16*> = true;

template <bool kSoftcap, GradientKind kKind, class Row, class Output, bool kStream = false>
struct Gradient : EveryBlockAlike {
  // A proxy lies in the order of the row.
  static constexpr bool kInPairs = kKind != GradientKind::kFull && kAreBFloat16<Row, Output>;

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
        next(view, fetched_by_gradient(view)),
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
    put(where, g);
  }
  LPREG_INLINE void flush() {}

 private:
  template <class Where>
  LPREG_INLINE void put(Where where, Lanes::Float g) {
    if constexpr (kStream) {
      where.stream(out, g);
    } else {
      where.store(out, g);
    }
  }
  LPREG_INLINE void put(HalfOfPair<false>, Lanes::Float g) { even_ = g; }
  LPREG_INLINE void put(HalfOfPair<true> where, Lanes::Float g) {
    Lanes::store_pair(out + where.index - Lanes::kWidth, even_, g);
  }

  Lanes::Float even_{};  // of the pair whose odd half comes next
};

template <bool kSoftcap, GradientKind kKind, class Row, class Output>
LPREG_INLINE void sweep_gradient(Row row, const RowView& view, const GradientParams& params, Output out) {
  Gradient<kSoftcap, kKind, Row, Output> body(row, view, params, out);
  sweep(view.count, body);
}

// Past the caches, from the first whole vector of `out` on: a store that stays in them reads the line first
// and, of a gradient larger than they are, pushes out the rows that are still to be read.
template <GradientKind kKind>
LPREG_INLINE void stream_gradient(const float* row, const RowView& view, const GradientParams& params,
                                  float* out) {
  static_assert(kKind != GradientKind::kFull, "a proxy is not moved along");
  constexpr uintptr_t kBytes = Lanes::kWidth * sizeof(float);
  const auto unaligned = static_cast<int64_t>(-reinterpret_cast<uintptr_t>(out) % kBytes / sizeof(float));
  const int64_t head = unaligned < view.count ? unaligned : view.count;
  if (head > 0) {
    Gradient<false, kKind, const float*, float*> first(row, view, params, out);
    first.step(0, RaggedVector{0, static_cast<int>(head)});
  }
  Gradient<false, kKind, const float*, float*, true> body(row + head, view, params, out + head);
  sweep(view.count - head, body);
  Lanes::end_stream();
}

}  // namespace
}  // namespace lpreg::cpu
