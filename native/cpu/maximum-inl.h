// The first sweep over a row: its maximum, and the maxima of its blocks, which tell the second sweep where
// the row's maximisers and its kept tokens can be.
#pragma once

#include "distance-inl.h"
#include "sweep-inl.h"

namespace lpreg::cpu {
namespace {

// For each block, or for 2^n neighbouring ones in very long rows, a vector whose lanes' maximum is the
// block's.
class BlockMaxima {
 public:
  explicit LPREG_INLINE BlockMaxima(int64_t count) {
    while ((count / kBlock - 1) >> shift_ >= kEntries) ++shift_;
  }

  LPREG_INLINE void put(int64_t block, Lanes::Float lanes) {
    Lanes::Float& entry = entries_[block >> shift_];
    const bool first = (block & ((int64_t{1} << shift_) - 1)) == 0;
    entry = first ? lanes : Lanes::max(lanes, entry);
  }
  LPREG_INLINE Lanes::Float of(int64_t block) const { return entries_[block >> shift_]; }

 private:
  static constexpr int64_t kEntries = 8192 / Lanes::kWidth;  // 32 KiB

  int shift_ = 0;
  Lanes::Float entries_[kEntries];
};

template <int kVectors>
LPREG_INLINE Lanes::Float joined(const Lanes::Float* lanes) {
  if constexpr (kVectors == 1) {
    return lanes[0];
  } else {
    return Lanes::max(joined<kVectors / 2>(lanes), joined<kVectors / 2>(lanes + kVectors / 2));
  }
}

// The maximum of all lanes; never -0, whichever zero came first.
LPREG_INLINE float highest(Lanes::Float lanes) {
  float values[Lanes::kWidth];
  Lanes::store(values, lanes);
  float max = kMinusInfinity;
  for (const float value : values) max = value > max ? value : max;
  return max + 0.0F;
}

// NaN is dropped here and found by the sums of the second sweep.
template <class T>
LPREG_OUT_OF_LOOP float maximum(const T* row, const RowView& view, BlockMaxima* blocks) {
  constexpr int kVectors = 8;  // only the latency of max to hide
  static_assert(kBlock % (kVectors * Lanes::kWidth) == 0, "a block is a whole number of steps");
  const int64_t count = view.count;
  const int64_t whole = count - count % kBlock;
  const NextRow<const T*> next(view, kFetchedByMaximum);
  Lanes::Float all = Lanes::splat(kMinusInfinity);
  for (int64_t i = 0; i < whole; i += kBlock) {
    Lanes::Float lanes[kVectors];
    LPREG_UNROLL
    for (int k = 0; k < kVectors; ++k) lanes[k] = Lanes::splat(kMinusInfinity);
    walk_pairs<kVectors>(i, i + kBlock, [&](int k, auto where) LPREG_LAMBDA {
      if (k == 0) next.fetch(k, where.index);
      lanes[k] = Lanes::max(where.load(row), lanes[k]);
    });
    const Lanes::Float block = joined<kVectors>(lanes);
    blocks->put(i / kBlock, block);
    all = Lanes::max(block, all);
  }
  const auto join = [&](int, auto where) LPREG_LAMBDA { all = Lanes::max(where.load(row), all); };
  const int64_t vectors_end = count - count % Lanes::kWidth;
  walk<1>(whole, vectors_end, join);
  walk_end(vectors_end, count, join);

  return highest(all);
}
LPREG_INLINE float maximum(AnyRow row, const RowView& view, BlockMaxima* blocks) {
  return with_elements(row, [&](auto* elements) LPREG_LAMBDA { return maximum(elements, view, blocks); });
}

}  // namespace
}  // namespace lpreg::cpu
