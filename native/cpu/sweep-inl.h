// One pass over a row: how its vectors, its ragged end and its float64 sums are walked.
#pragma once

namespace lpreg::cpu {
namespace {

// Vectors per step of the loop. Two hide the latency of a sum behind the next exp; more only make the code larger.
constexpr int kUnroll = 2;
// Vectors between two flushes: each lane of a Sum adds at most 16 terms in float32. Rows of few distinct values (16-bit
// logits) round the same way in every lane, so that longer blocks show in the result.
constexpr int kBlockVectors = 16 * kUnroll;

template <class T>
struct ElementBits;
template <>
struct ElementBits<float> {
  static constexpr float kMinusInfinity = -__builtin_inff();
};
template <>
struct ElementBits<Float16> {
  static constexpr Float16 kMinusInfinity = {0xFC00};
};
template <>
struct ElementBits<BFloat16> {
  static constexpr BFloat16 kMinusInfinity = {0xFF80};
};

// Where a step of a sweep reads and writes: a whole vector ...
struct WholeVector {
  int64_t index;

  template <class T>
  LPREG_INLINE Lanes::Float load(const T* row) const {
    return Lanes::load(row + index);
  }
  template <class T>
  LPREG_INLINE void store(T* row, Lanes::Float x) const {
    Lanes::store(row + index, x);
  }
};

// ... or up to one vector at the ragged end of a row, whose missing elements read as -inf and are not written. It goes
// through a buffer on the stack, so that nothing beyond the row is touched.
struct RaggedVector {
  int64_t index;
  int count;

  template <class T>
  LPREG_INLINE Lanes::Float load(const T* row) const {
    T staged[Lanes::kWidth];
    for (T& element : staged) element = ElementBits<T>::kMinusInfinity;
    __builtin_memcpy(staged, row + index, static_cast<size_t>(count) * sizeof(T));
    return Lanes::load(staged);
  }
  template <class T>
  LPREG_INLINE void store(T* row, Lanes::Float x) const {
    T staged[Lanes::kWidth];
    Lanes::store(staged, x);
    __builtin_memcpy(row + index, staged, static_cast<size_t>(count) * sizeof(T));
  }
};

// Calls body.step(k, where) for each vector of [0, count) and body.flush() after at most kBlockVectors of them. k, below
// Body::kUnroll, is known at compile time and selects among independent accumulators.
template <class Body>
LPREG_INLINE void sweep(int64_t count, Body& body) {
  constexpr int64_t kWidth = Lanes::kWidth;
  constexpr int64_t kStep = Body::kUnroll * kWidth;
  constexpr int64_t kBlock = kBlockVectors * kWidth;
  static_assert(kBlock % kStep == 0, "a block is a whole number of steps");
  const int64_t whole = count / kStep * kStep;
  int64_t i = 0;
  while (i < whole) {
    const int64_t end = whole - i < kBlock ? whole : i + kBlock;
    for (; i < end; i += kStep) {
      LPREG_UNROLL
      for (int k = 0; k < Body::kUnroll; ++k) body.step(k, WholeVector{i + k * kWidth});
    }
    body.flush();
  }
  for (; i < count; i += kWidth) {
    body.step(0, RaggedVector{i, static_cast<int>(count - i < kWidth ? count - i : kWidth)});
  }
  body.flush();
}

// A sum over a row: float32 within a block, float64 across blocks, lanes added in fixed order.
class Sum {
 public:
  LPREG_INLINE Sum() {
    for (Lanes::Float& lane : lanes_) lane = Lanes::splat(0.0F);
    for (double& total : totals_) total = 0.0;
  }

  LPREG_INLINE void add_where(int k, Lanes::Mask m, Lanes::Float x) {
    lanes_[k] = Lanes::add_where(lanes_[k], m, x);
  }
  LPREG_INLINE void add_unless(int k, Lanes::Mask m, Lanes::Float x) {
    lanes_[k] = Lanes::add_unless(lanes_[k], m, x);
  }
  LPREG_INLINE void add_product(int k, Lanes::Float x, Lanes::Float y) {
    lanes_[k] = Lanes::fma(x, y, lanes_[k]);
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
