// Sums of short rows in float64 (core::kShortRow).
#pragma once

#include "../core/short_row.h"
#include "statistics-inl.h"

namespace lpreg::cpu {
namespace {

constexpr int kDoubles = Lanes::kWidth / 2;
typedef double Double __attribute__((vector_size(kDoubles * 8)));
typedef int64_t Whole __attribute__((vector_size(kDoubles * 8)));
typedef float HalfFloat __attribute__((vector_size(kDoubles * 4)));

LPREG_INLINE Double splat_double(double x) { return Double{} + x; }

// 2^y for y <= 0 within 8e-13 of itself; 0 below 2^-1020. NaN gives NaN.
LPREG_INLINE Double power_of_two(Double y) {
  const Double lowest = splat_double(-1020.0);
  const Double bounded = y < lowest ? lowest : y;
  // Adding 1.5 * 2^52 rounds to an integer; adding 1023 too leaves the biased exponent in the low bits.
  const Double shift = splat_double(0x1.8p52 + 1023);
  const Double shifted = bounded + shift;
  const Double r = bounded - (shifted - shift);
  Double power = splat_double(0x1.61afced541895p-20);  // minimax on [-1/2, 1/2]
  power = power * r + 0x1.00dad250bededp-16;
  power = power * r + 0x1.430acca32fd76p-13;
  power = power * r + 0x1.5d87483855455p-10;
  power = power * r + 0x1.3b2ab5c529311p-7;
  power = power * r + 0x1.c6b08dd46d38fp-5;
  power = power * r + 0x1.ebfbdff9319e1p-3;
  power = power * r + 0x1.62e42fef8615ep-1;
  power = power * r + 0x1.ffffffffff7a3p-1;
  const Double scale = reinterpret_cast<Double>(reinterpret_cast<Whole>(shifted) << 52);
  return y < lowest ? Double{} : power * scale;
}

class ShortSum {
 public:
  LPREG_INLINE void add(Double x) { lanes_ += x; }
  LPREG_INLINE void add_where(Whole mask, Double x) { lanes_ += mask ? x : Double{}; }
  LPREG_INLINE double total() const {
    double sum = 0.0;
    for (int i = 0; i < kDoubles; ++i) sum += lanes_[i];
    return sum;
  }

 private:
  Double lanes_{};
};

class ShortCounter {
 public:
  LPREG_INLINE void add(Whole mask) { lanes_ -= mask; }
  LPREG_INLINE int64_t total() const {
    int64_t sum = 0;
    for (int i = 0; i < kDoubles; ++i) sum += lanes_[i];
    return sum;
  }

 private:
  Whole lanes_{};
};

// A row as float32, filled up with -inf to whole vectors, and its maximum.
struct ShortRow {
  float z[core::kShortRow];
  int64_t padded;  // a multiple of kDoubles
  float max;

  explicit LPREG_OUT_OF_LOOP ShortRow(RowView view) {
    static_assert(core::kShortRow % Lanes::kWidth == 0, "room for whole vectors");
    const AnyRow row{view.data, view.dtype};
    Lanes::Float all = Lanes::splat(kMinusInfinity);
    const auto take = [&](int, auto where) LPREG_LAMBDA {
      const Lanes::Float logits = where.load(row);
      Lanes::store(z + where.index, logits);
      all = Lanes::max(logits, all);
    };
    const int64_t whole = view.count - view.count % Lanes::kWidth;
    walk<1>(0, whole, take);
    walk_end(whole, view.count, take);
    padded = (view.count + kDoubles - 1) / kDoubles * kDoubles;
    max = highest(all);
  }
};

// As Statistics, with all of its sums but raw_rest, which is for the asking.
struct ShortStatistics {
  ShortCounter maxima, kept;
  ShortSum moment, raw_rest, kept_rest, dropped, linear;

  LPREG_OUT_OF_LOOP ShortStatistics(const ShortRow& row, const ExpParams& params, float max_value,
                                    float cut_value, bool want_raw) {
    const float from = finite_maximum(max_value);
    const float cut = cut_value < kLowestFinite ? kLowestFinite : cut_value;
    const Double lowest = splat_double(static_cast<double>(kLowestFinite) * 4);
    const double per_unit = kLog2E / bounded_unit(params.temperature);
    for (int64_t i = 0; i < row.padded; i += kDoubles) {
      HalfFloat z;
      __builtin_memcpy(&z, row.z + i, sizeof z);
      const Double d = __builtin_convertvector(z, Double) - static_cast<double>(from);  // exact
      const Double finite = d < lowest ? Double{} : d;
      const Double e = power_of_two(d * per_unit);
      // The very comparison of float32 that core/row_math.h makes.
      const Whole keep = __builtin_convertvector(z - from >= HalfFloat{} + cut, Whole);
      const Whole is_max = d == Double{};
      maxima.add(is_max);
      kept.add(keep);
      kept_rest.add_where(keep & ~is_max, e);
      dropped.add_where(~(keep | is_max), e);
      moment.add(e * finite);
      linear.add(finite);
      if (want_raw) raw_rest.add_where(~is_max, power_of_two(d * kLog2E));
    }
  }
};

LPREG_INLINE bool is_short(RowView row, const ExpParams& params) {
  return row.count <= core::kShortRow && params.softcap == 0.0;
}

LPREG_INLINE void part_of_short_row(RowView view, ExpParams params, bool want_moment, bool want_raw,
                                    float cut, lpreg_row_part* part, lpreg_row_kept* kept) {
  const ShortRow row(view);
  const ShortStatistics sums(row, params, row.max, cut, want_raw);
  write_part(sums, params, row.max, sums.kept_rest.total() + sums.dropped.total(), part);
  if (!want_moment) part->moment = 0;
  if (kept == nullptr) return;
  write_kept(sums, params, kept);
  kept->linear = 0;
}

LPREG_INLINE void kept_of_short_row(RowView view, ExpParams params, float max, float cut, bool want_linear,
                                    lpreg_row_kept* kept) {
  write_kept(ShortStatistics(ShortRow(view), params, max, cut, false), params, kept);
  if (!want_linear) kept->linear = 0;
}

}  // namespace
}  // namespace lpreg::cpu
