// What is summed over one row: its maximum, then everything that depends on it.
#pragma once

namespace lpreg::cpu {
namespace {

template <class T>
class Maximum {
 public:
  static constexpr int kUnroll = 8;  // nothing but the latency of max to hide

  explicit LPREG_INLINE Maximum(const T* row) : row_(row) {
    for (Lanes::Float& lane : lanes_) lane = Lanes::splat(kMinusInfinity);
  }

  template <class Where>
  LPREG_INLINE void step(int k, Where where) {
    // NaN is dropped here and found by the sums.
    lanes_[k] = Lanes::max(where.load(row_), lanes_[k]);
  }
  LPREG_INLINE void flush() {}

  LPREG_INLINE float value() const {
    float max = kMinusInfinity;
    for (const Lanes::Float& lane : lanes_) {
      float values[Lanes::kWidth];
      Lanes::store(values, lane);
      for (const float value : values) max = value > max ? value : max;
    }
    return max + 0.0F;  // never -0, whichever zero came first
  }

 private:
  const T* row_;
  Lanes::Float lanes_[kUnroll];
};

template <class T>
LPREG_OUT_OF_LOOP float maximum(const T* row, int64_t count) {
  Maximum<T> body(row);
  sweep(count, body);
  return body.value();
}

// Sums that a caller can ask for.
constexpr unsigned kMoment = 1;
constexpr unsigned kRaw = 2;
constexpr unsigned kKept = 4;
constexpr unsigned kLinear = 8;

// Maximisers are counted and enter no sum but `linear`, where they add 0. A NaN makes `rest`, or `dropped`, NaN.
template <bool kSoftcap, unsigned kWanted, class T>
struct Statistics {
  static constexpr int kUnroll = cpu::kUnroll;

  const T* row;
  const Distance<kSoftcap> distance;
  const Exp exp, raw_exp;
  const Lanes::Float max, cut;
  Counter maxima, kept;
  Sum rest, moment, raw_rest, kept_rest, dropped, linear;

  LPREG_INLINE Statistics(const T* data, const ExpParams& params, float max_value, float cut_value)
      : row(data),
        distance(max_value, params),
        exp(params.temperature),
        raw_exp(1.0),
        max(Lanes::splat(max_value)),
        cut(finite_cut(cut_value)) {}

  template <class Where>
  LPREG_INLINE void step(int k, Where where) {
    const Lanes::Float z = where.load(row);
    const Lanes::Float d = distance.at(z).d;
    const Lanes::Float finite = exp.finite(d);
    const Lanes::Float e = exp(finite);
    const Lanes::Mask is_max = Lanes::equal(z, max);
    maxima.add(is_max);
    if constexpr ((kWanted & kMoment) != 0) moment.add_product(k, e, finite);
    if constexpr ((kWanted & kRaw) != 0) raw_rest.add_unless(k, is_max, raw_exp(raw_exp.finite(d)));
    if constexpr ((kWanted & kKept) != 0) {
      const Lanes::Mask keep = Lanes::at_least(d, cut);
      kept.add(keep);
      kept_rest.add_where(k, Lanes::without(keep, is_max), e);
      dropped.add_unless(k, Lanes::either(keep, is_max), e);
    } else {
      rest.add_unless(k, is_max, e);
    }
    if constexpr ((kWanted & kLinear) != 0) linear.add_unless(k, is_minus_infinity(d), d);
  }

  LPREG_INLINE void flush() {
    if constexpr ((kWanted & kMoment) != 0) moment.flush();
    if constexpr ((kWanted & kRaw) != 0) raw_rest.flush();
    if constexpr ((kWanted & kKept) != 0) {
      kept_rest.flush();
      dropped.flush();
    } else {
      rest.flush();
    }
    if constexpr ((kWanted & kLinear) != 0) linear.flush();
  }
};

template <bool kSoftcap, unsigned kWanted, class T>
LPREG_INLINE Statistics<kSoftcap, kWanted, T> statistics(const T* row, int64_t count, const ExpParams& params,
                                                         float max, float cut) {
  Statistics<kSoftcap, kWanted, T> body(row, params, max, cut);
  sweep(count, body);
  return body;
}

template <class Sums>
LPREG_INLINE void write_part(const Sums& sums, const ExpParams& params, float max, double rest,
                             lpreg_row_part* part) {
  part->max = max;
  part->max_count = max == kMinusInfinity ? 0.0 : static_cast<double>(sums.maxima.total());
  part->rest = max == __builtin_inff() ? __builtin_nan("") : rest;
  part->moment = sums.moment.total() / params.temperature;
  part->raw_rest = sums.raw_rest.total();
}

template <class Sums>
LPREG_INLINE void write_kept(const Sums& sums, const ExpParams& params, lpreg_row_kept* kept) {
  kept->kept_rest = sums.kept_rest.total();
  kept->dropped = sums.dropped.total();
  kept->linear = sums.linear.total() / params.temperature;
  kept->count = sums.kept.total();
}

}  // namespace
}  // namespace lpreg::cpu
