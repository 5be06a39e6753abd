// One pass over a row: how its vectors, its ragged end and its float64 sums are walked.
#pragma once

#include <cstddef>
#include <cstdint>

#include "any_row-inl.h"

namespace lpreg::cpu {
namespace {

// Vectors per step of the loop. Two hide the latency of a sum behind the next exp; more only make the code
// larger.
constexpr int kUnroll = 2;
// Elements between two flushes: each lane of a Sum adds at most 16 terms in float32. Rows of few distinct
// values (16-bit logits) round the same way in every lane, so that longer blocks show in the result.
constexpr int64_t kBlock = 16 * kUnroll * Lanes::kWidth;

template <class T>
constexpr T kMinusInfinityAs{};
template <>
constexpr float kMinusInfinityAs<float> = -__builtin_inff();
template <>
constexpr Float16 kMinusInfinityAs<Float16> = {0xFC00};
template <>
constexpr BFloat16 kMinusInfinityAs<BFloat16> = {0xFF80};

// Where a step of a sweep reads and writes: a whole vector ...
struct WholeVector {
  int64_t index;

  template <class T>
  LPREG_INLINE Lanes::Float load(const T* row) const {
    return Lanes::load(row + index);
  }
  LPREG_INLINE Lanes::Float load(AnyRow row) const {
    return with_elements(row, [&](auto* elements) LPREG_LAMBDA { return load(elements); });
  }
  template <class T>
  LPREG_INLINE void store(T* row, Lanes::Float x) const {
    Lanes::store(row + index, x);
  }
  LPREG_INLINE void store(AnyOutput row, Lanes::Float x) const {
    with_elements(row, [&](auto* elements) LPREG_LAMBDA { store(elements, x); });
  }
  LPREG_INLINE void stream(float* row, Lanes::Float x) const { Lanes::stream(row + index, x); }
};

// ... or half of two vectors, for sweeps to which an element's place is no matter: 16-bit elements at even,
// or at odd, positions come into float32 without crossing lanes ...
template <bool kOdd>
struct HalfOfPair {
  int64_t index;  // where the even half has the first vector, and the odd one the second

  template <class T>
  LPREG_INLINE Lanes::Float load(const T* row) const {
    return Lanes::load(row + index);
  }
  LPREG_INLINE Lanes::Float load(const BFloat16* row) const {
    return kOdd ? Lanes::load_odd(row + index - Lanes::kWidth) : Lanes::load_even(row + index);
  }
  LPREG_INLINE Lanes::Float load(AnyRow row) const {
    return with_elements(row, [&](auto* elements) LPREG_LAMBDA { return load(elements); });
  }
};

// ... or up to one vector at the ragged end of a row, whose missing elements read as -inf and are not
// written. It goes through a buffer on the stack, so that nothing beyond the row is touched.
struct RaggedVector {
  int64_t index;
  int count;

  template <class T>
  LPREG_INLINE Lanes::Float load(const T* row) const {
    T staged[Lanes::kWidth];
    for (T& element : staged) element = kMinusInfinityAs<T>;
    __builtin_memcpy(staged, row + index, static_cast<size_t>(count) * sizeof(T));
    return Lanes::load(staged);
  }
  LPREG_INLINE Lanes::Float load(AnyRow row) const {
    return with_elements(row, [&](auto* elements) LPREG_LAMBDA { return load(elements); });
  }
  template <class T>
  LPREG_INLINE void store(T* row, Lanes::Float x) const {
    T staged[Lanes::kWidth];
    Lanes::store(staged, x);
    __builtin_memcpy(row + index, staged, static_cast<size_t>(count) * sizeof(T));
  }
  LPREG_INLINE void store(AnyOutput row, Lanes::Float x) const {
    with_elements(row, [&](auto* elements) LPREG_LAMBDA { store(elements, x); });
  }
  LPREG_INLINE void stream(float* row, Lanes::Float x) const { store(row, x); }
};

// What a sweep fetches of the next row, in eighths. Memory is the limit of a row that is not in the caches,
// so that each sweep fetches in proportion to its time, or a little more where others have less to do.
struct Eighths {
  int begin, end;
};
constexpr Eighths kFetchedByMaximum = {0, 1};
LPREG_INLINE Eighths fetched_by_sums(const RowView& row) { return {1, row.sweeps == Sweeps::kSums ? 8 : 5}; }
LPREG_INLINE Eighths fetched_by_gradient(const RowView& row) {
  return {row.sweeps == Sweeps::kGradient ? 0 : 5, 8};
}

// Brings the row that is read next into the caches while this one is computed on: without it the first sweep
// of a row waits for memory and the later ones leave memory idle.
template <class Row>
class NextRow {
 public:
  LPREG_INLINE NextRow(const RowView& row, Eighths part)
      : begin_(static_cast<const char*>(row.next == nullptr ? row.data : row.next)), rate_(0) {
    if (row.next == nullptr) return;
    const int64_t element = row.dtype == LPREG_FLOAT32 ? 4 : 2;
    begin_ += row.count * part.begin / 8 * element;
    rate_ = (part.end - part.begin) * element;
  }

  // Beside vector k of a step, at `index` of this row, where it begins a cache line. Fetching the beginning
  // of this row again costs less than asking whether to fetch.
  LPREG_INLINE void fetch(int k, int64_t index) const {
    if (k * Lanes::kWidth * kLargestElement<Row> % 64 == 0) __builtin_prefetch(begin_ + (index * rate_ >> 3));
  }

 private:
  const char* begin_;
  int64_t rate_;  // eighths of a byte per element of this row
};

// Calls step(k, where) for the vectors of [begin, end), a multiple of kVectors of them; k < kVectors is known
// at compile time.
template <int kVectors, class Step>
LPREG_INLINE void walk(int64_t begin, int64_t end, Step step) {
  for (int64_t i = begin; i < end; i += kVectors * Lanes::kWidth) {
    LPREG_UNROLL
    for (int k = 0; k < kVectors; ++k) step(k, WholeVector{i + k * Lanes::kWidth});
  }
}

// The same for kVectors / 2 pairs of vectors.
template <int kVectors, class Step>
LPREG_INLINE void walk_pairs(int64_t begin, int64_t end, Step step) {
  for (int64_t i = begin; i < end; i += kVectors * Lanes::kWidth) {
    LPREG_UNROLL
    for (int k = 0; k < kVectors; k += 2) {
      step(k, HalfOfPair<false>{i + k * Lanes::kWidth});
      step(k + 1, HalfOfPair<true>{i + (k + 1) * Lanes::kWidth});
    }
  }
}

// Calls step(0, where) for the end of a row that no whole step covers, one vector at a time.
template <class Step>
LPREG_INLINE void walk_end(int64_t begin, int64_t count, Step step) {
  for (int64_t i = begin; i < count; i += Lanes::kWidth) {
    step(0, RaggedVector{i, static_cast<int>(count - i < Lanes::kWidth ? count - i : Lanes::kWidth)});
  }
}

// What a block can hold, known before it is swept: the less, the shorter the way through it.
enum class BlockKind {
  kPlain,   // neither maximisers nor kept tokens
  kLesser,  // no maximisers
  kAny,
};

// A body that has one way for all blocks.
struct EveryBlockAlike {
  static constexpr bool kInPairs = false;  // whether its steps are halves of pairs
  LPREG_INLINE BlockKind kind_of(int64_t) const { return BlockKind::kAny; }
  template <class Where>
  LPREG_INLINE void plain_step(int, Where) {}
  template <class Where>
  LPREG_INLINE void lesser_step(int, Where) {}
};

// Takes a row through body.step(k, where), or through body.plain_step or body.lesser_step in the blocks that
// body.kind_of says so of, with a body.flush() after each block and at the end.
template <class Body>
LPREG_INLINE void sweep(int64_t count, Body& body) {
  constexpr int64_t kStep = kUnroll * Lanes::kWidth;
  const auto step = [&](int k, auto where) LPREG_LAMBDA { body.step(k, where); };
  const auto walk_steps = [](int64_t begin, int64_t end, auto one) LPREG_LAMBDA {
    if constexpr (Body::kInPairs) {
      walk_pairs<kUnroll>(begin, end, one);
    } else {
      walk<kUnroll>(begin, end, one);
    }
  };
  const int64_t whole = count - count % kStep;
  for (int64_t i = 0; i < whole; i += kBlock) {
    const BlockKind kind = count - i >= kBlock ? body.kind_of(i / kBlock) : BlockKind::kAny;
    if (kind == BlockKind::kPlain) {
      walk_steps(i, i + kBlock, [&](int k, auto where) LPREG_LAMBDA { body.plain_step(k, where); });
    } else if (kind == BlockKind::kLesser) {
      walk_steps(i, i + kBlock, [&](int k, auto where) LPREG_LAMBDA { body.lesser_step(k, where); });
    } else {
      walk_steps(i, whole - i < kBlock ? whole : i + kBlock, step);
    }
    body.flush();
  }
  walk_end(whole, count, step);
  body.flush();
}

// A sum over a row: float32 within a block, float64 across blocks, lanes added in fixed order.
class Sum {
 public:
  LPREG_INLINE Sum() {
    for (Lanes::Float& lane : lanes_) lane = Lanes::splat(0.0F);
    for (double& total : totals_) total = 0.0;
  }

  LPREG_INLINE void add(int k, Lanes::Float x) { lanes_[k] = lanes_[k] + x; }
  LPREG_INLINE void add_where(int k, Lanes::Mask m, Lanes::Float x) {
    lanes_[k] = Lanes::add_where(lanes_[k], m, x);
  }
  LPREG_INLINE void add_unless(int k, Lanes::Mask m, Lanes::Float x) {
    lanes_[k] = Lanes::add_unless(lanes_[k], m, x);
  }
  LPREG_INLINE void add_moment(int k, const Exp::Term& x, Lanes::Float e) {
    lanes_[k] = Exp::add_moment(lanes_[k], x, e);
  }

  LPREG_INLINE void flush() {
    static_assert(kUnroll == 2, "lanes are joined in a fixed order");
    Lanes::add_to(totals_, lanes_[0] + lanes_[1]);
    for (Lanes::Float& lane : lanes_) lane = Lanes::splat(0.0F);
  }

  // After a flush.
  LPREG_INLINE double total() const {
    double sum = 0.0;
    for (const double total : totals_) sum += total;
    return sum;
  }

 private:
  Lanes::Float lanes_[kUnroll];
  double totals_[Lanes::kWidth];
};

// Counts elements for which a mask holds. 32 bits per lane: rows of up to 2^33 elements.
class Counter {
 public:
  LPREG_INLINE void add(Lanes::Mask m) { lanes_ = Lanes::count_where(lanes_, m); }
  LPREG_INLINE int64_t total() const { return Lanes::total(lanes_); }

 private:
  Lanes::Count lanes_ = Lanes::no_count();
};

}  // namespace
}  // namespace lpreg::cpu
