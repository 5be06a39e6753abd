// The second sweep over a row: everything that is summed given its maximum.
#pragma once

#include "maximum-inl.h"

namespace lpreg::cpu {
namespace {

// Sums that a caller can ask for.
constexpr unsigned kMoment = 1;
constexpr unsigned kRaw = 2;
constexpr unsigned kKept = 4;
constexpr unsigned kLinear = 8;

// Maximisers are counted and enter no sum but `linear`, where they add 0. A NaN makes `rest`, or `dropped`,
// NaN.
template <bool kSoftcap, unsigned kWanted, class Row>
struct Statistics {
  const Row row;
  const NextRow<Row> next;
  const BlockMaxima* blocks;  // nullptr: unknown
  const Distance<kSoftcap> distance;
  const Exp exp, raw_exp;
  const Lanes::Float max, cut, lowest_special;
  Counter maxima, kept;
  Sum rest, moment, raw_rest, kept_rest, dropped, linear;

  LPREG_INLINE Statistics(Row data, const RowView& view, const BlockMaxima* block_maxima,
                          const ExpParams& params, float max_value, float cut_value)
      : row(data),
        next(view, fetched_by_sums(view)),
        blocks(block_maxima),
        distance(max_value, params),
        exp(params.temperature),
        raw_exp(1.0),
        max(Lanes::splat(max_value)),
        cut(finite_cut(cut_value)),
        lowest_special(has(kKept) ? Lanes::min(cut, Lanes::splat(0.0F)) : Lanes::splat(0.0F)) {}

  // In the order in which float32 logits are summed, so that 16-bit ones give the same bits.
  static constexpr bool kInPairs = false;
  static constexpr bool has(unsigned sum) { return (kWanted & sum) != 0; }

  // Rounding could make a softcapped d of a block's maximum smaller than that of a lesser token, so that such
  // rows are never sure.
  LPREG_INLINE BlockKind kind_of(int64_t block) const {
    if (kSoftcap || blocks == nullptr) return BlockKind::kAny;
    const Lanes::Float highest = distance.at(blocks->of(block)).d;
    if (!Lanes::any(Lanes::at_least(highest, lowest_special))) return BlockKind::kPlain;
    if (!has(kKept) || Lanes::any(Lanes::at_least(highest, Lanes::splat(0.0F)))) return BlockKind::kAny;
    return BlockKind::kLesser;
  }

  template <class Where>
  LPREG_INLINE void plain_step(int k, Where where) {
    next.fetch(k, where.index);
    const Lanes::Float d = distance.at(where.load(row)).d;
    const Exp::Term x = exp.at(d);
    Sum& sum = has(kKept) ? dropped : rest;
    const Lanes::Float e = Exp::value(x);
    sum.add(k, e);
    if constexpr (has(kMoment)) moment.add_moment(k, x, e);
    if constexpr (has(kRaw)) raw_rest.add(k, Exp::value(raw_exp.at(d)));
    if constexpr (has(kLinear)) linear.add_unless(k, is_minus_infinity(d), d);
  }

  template <class Where>
  LPREG_INLINE void step(int k, Where where) {
    next.fetch(k, where.index);
    const Lanes::Float z = where.load(row);
    const Lanes::Float d = distance.at(z).d;
    const Exp::Term x = exp.at(d);
    const Lanes::Float e = Exp::value(x);
    const Lanes::Mask is_max = Lanes::equal(z, max);
    maxima.add(is_max);
    if constexpr (has(kKept)) {
      const Lanes::Mask keep = Lanes::at_least(d, cut);
      kept.add(keep);
      kept_rest.add_where(k, Lanes::without(keep, is_max), e);
      dropped.add_unless(k, Lanes::either(keep, is_max), e);
    } else {
      rest.add_unless(k, is_max, e);
    }
    if constexpr (has(kMoment)) moment.add_moment(k, x, e);
    if constexpr (has(kRaw)) raw_rest.add_unless(k, is_max, Exp::value(raw_exp.at(d)));
    if constexpr (has(kLinear)) linear.add_unless(k, is_minus_infinity(d), d);
  }

  // Of the rows with block maxima: no raw and no linear sum.
  template <class Where>
  LPREG_INLINE void lesser_step(int k, Where where) {
    next.fetch(k, where.index);
    const Lanes::Float d = distance.at(where.load(row)).d;
    const Exp::Term x = exp.at(d);
    const Lanes::Float e = Exp::value(x);
    const Lanes::Mask keep = Lanes::at_least(d, cut);
    kept.add(keep);
    kept_rest.add_where(k, keep, e);
    dropped.add_unless(k, keep, e);
    if constexpr (has(kMoment)) moment.add_moment(k, x, e);
  }

  LPREG_INLINE void flush() {
    if constexpr (has(kKept)) {
      kept_rest.flush();
      dropped.flush();
    } else {
      rest.flush();
    }
    if constexpr (has(kMoment)) moment.flush();
    if constexpr (has(kRaw)) raw_rest.flush();
    if constexpr (has(kLinear)) linear.flush();
  }
};

template <bool kSoftcap, unsigned kWanted, class Row>
LPREG_INLINE Statistics<kSoftcap, kWanted, Row> statistics(Row row, const RowView& view,
                                                           const BlockMaxima* blocks, const ExpParams& params,
                                                           float max, float cut) {
  Statistics<kSoftcap, kWanted, Row> body(row, view, blocks, params, max, cut);
  sweep(view.count, body);
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
