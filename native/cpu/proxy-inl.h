// Sums and rows that join a row with the proxy q of another policy.
#pragma once

#include "distance-inl.h"
#include "sweep-inl.h"

namespace lpreg::cpu {
namespace {

// Sum over the old row's kept set of e_old (d_old - d_current), and how many of its tokens the current row
// has lost.
template <bool kSoftcap>
struct Cross : EveryBlockAlike {
  const AnyRow current, old;
  const Distance<kSoftcap> current_distance, old_distance;
  const Exp exp;
  const Lanes::Float cut;
  Counter lost;
  Sum sum;

  LPREG_INLINE Cross(AnyRow current_row, AnyRow old_row, Distance<kSoftcap> from_current_max,
                     Distance<kSoftcap> from_old_max, double temperature, float old_cut)
      : current(current_row),
        old(old_row),
        current_distance(from_current_max),
        old_distance(from_old_max),
        exp(temperature),
        cut(finite_cut(old_cut)) {}

  template <class Where>
  LPREG_INLINE void step(int k, Where where) {
    const Lanes::Float old_d = old_distance.at(where.load(old)).d;
    const Lanes::Float current_d = current_distance.at(where.load(current)).d;
    const Lanes::Float e = Exp::value(exp.at(old_d));
    const Lanes::Mask keep = Lanes::at_least(old_d, cut);
    const Lanes::Mask gone = is_minus_infinity(current_d);
    lost.add(Lanes::both(keep, gone));
    sum.add_where(k, Lanes::without(keep, gone), e * (old_d - current_d));
  }
  LPREG_INLINE void flush() { sum.flush(); }
};

// q = e scale on the kept set, 0 elsewhere.
template <bool kSoftcap>
struct FillProxy : EveryBlockAlike {
  const AnyRow old;
  float* q;
  const Distance<kSoftcap> distance;
  const Exp exp;
  const Lanes::Float cut, scale;

  LPREG_INLINE FillProxy(AnyRow old_row, float* proxy, Distance<kSoftcap> from_max, double temperature,
                         float old_cut, double q_per_e)
      : old(old_row),
        q(proxy),
        distance(from_max),
        exp(temperature),
        cut(finite_cut(old_cut)),
        scale(Lanes::splat(static_cast<float>(q_per_e))) {}

  template <class Where>
  LPREG_INLINE void step(int, Where where) {
    const Lanes::Float d = distance.at(where.load(old)).d;
    where.store(q, Lanes::zero_unless(Lanes::at_least(d, cut), Exp::value(exp.at(d)) * scale));
  }
  LPREG_INLINE void flush() {}
};

// Sum over q > 0 of q d, and how many of those tokens this row has lost.
template <bool kSoftcap>
struct ProxyDot : EveryBlockAlike {
  const AnyRow row;
  const float* q;
  const Distance<kSoftcap> distance;
  Counter lost;
  Sum sum;

  LPREG_INLINE ProxyDot(AnyRow data, const float* proxy, Distance<kSoftcap> from_max)
      : row(data), q(proxy), distance(from_max) {}

  template <class Where>
  LPREG_INLINE void step(int k, Where where) {
    const Lanes::Float proxy = where.load(q);
    const Lanes::Float d = distance.at(where.load(row)).d;
    const Lanes::Mask keep = Lanes::greater(proxy, Lanes::splat(0.0F));
    const Lanes::Mask gone = is_minus_infinity(d);
    lost.add(Lanes::both(keep, gone));
    sum.add_where(k, Lanes::without(keep, gone), proxy * d);
  }
  LPREG_INLINE void flush() { sum.flush(); }
};

}  // namespace
}  // namespace lpreg::cpu
