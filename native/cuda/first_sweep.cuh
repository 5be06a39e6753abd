// The sweep that reads a row from memory, once: the running maximum, sums relative to it, and the few
// elements that may yet belong to the kept set. An element whose distance from the maximum so far is below
// the cut can never be kept and goes into the sums at once; they are rescaled when a higher maximum turns up.
// The others, maximisers among them, are put aside and judged by the final maximum. Rows with more of them
// than there is room for (flat ones) are swept again.
#pragma once

#include "reduce.cuh"
#include "stats.cuh"

namespace lpreg::cuda {

// Maximum of the parts of a row, and what some thread has met there.
struct Extremes {
  static constexpr uint32_t kNaN = 1, kOverflow = 2;  // more elements put aside than a thread has room for
  float max;
  uint32_t met;

  // Whether the row has no statistics: nothing but -inf, or a NaN or infinity.
  __device__ __forceinline__ bool is_lost() const {
    return (met & kNaN) != 0 || max == kMinusInfinity || max == -kMinusInfinity;
  }
  __device__ __forceinline__ static Extremes none() { return {kMinusInfinity, 0}; }
  __device__ __forceinline__ void join(const Extremes& other) {
    max = other.max > max ? other.max : max;
    met |= other.met;
  }
  __device__ __forceinline__ Extremes from_lane(int lanes) const {
    return {shuffle_xor(max, lanes), shuffle_xor(met, lanes)};
  }
};

template <class T>
class FirstSweep {
 public:
  // `aside`: kAsidePerThread floats for each thread of the block. `copy`: where the slice's elements go as
  // well, in whole packs; NULL: nowhere.
  __device__ __forceinline__ FirstSweep(const RowPass& pass, int count, float* aside, T* copy)
      : pass_(pass), count_(count), aside_(aside + threadIdx.x), copy_(copy) {}

  __device__ __forceinline__ void step(const Chunk<T>& chunk) {
    if (copy_ != nullptr) keep_copy(chunk);
    float z[kHeld];
    chunk.values(z);
    float max = z[0];
    LPREG_UNROLL
    for (int i = 1; i < kHeld; ++i) max = maximum_or_nan(max, z[i]);
    has_nan_ |= max != max;
    // The threads tell each other after 1, 4, 16, ... chunks, so that few of them rescale in between, and few
    // put aside what another one knows to be low.
    if (chunk_ == exchange_) {
      max = block_reduce(Maximum<float>{fmaxf(max, max_)}).v;
      exchange_ = 4 * exchange_ + 3;
    }
    ++chunk_;
    if (max > max_) rescale(max);
    add(z, max - base() >= pass_.cut);
  }

  // Of a row that is swept again in any case: its extremes alone.
  __device__ __forceinline__ void see(float z) {
    has_nan_ |= z != z;
    max_ = fmaxf(z, max_);
  }

  __device__ __forceinline__ Extremes extremes() const {
    const bool overflow = asides_ > kAsidePerThread;
    return {max_, (has_nan_ ? Extremes::kNaN : 0) | (overflow ? Extremes::kOverflow : 0)};
  }

  // The thread's sums, given the row's maximum; may be called again with another cut, not below the pass's.
  __device__ __forceinline__ ThreadSums sums(float max, float cut) {
    if (max > max_) rescale(max);
    ThreadSums sums;
    sums.dropped.total = dropped_;
    sums.moment.total = moment_;
    for (int k = 0; k < asides_; ++k) {
      const float z = aside_[k * static_cast<int>(blockDim.x)];
      sums.add(z, z - base(), max, cut, pass_, false);
      sums.flush();
    }
    return sums;
  }

 private:
  __device__ __forceinline__ float base() const { return finite_maximum(max_); }

  __device__ __forceinline__ void keep_copy(const Chunk<T>& chunk) {
    LPREG_UNROLL
    for (int u = 0; u < kUnroll<T>; ++u) {
      const int begin = chunk.first + u * chunk.stride;
      if (begin < count_) store16_shared(copy_ + begin, chunk.packs[u]);
    }
  }

  __device__ __forceinline__ void rescale(float max) {
    if (max_ > kMinusInfinity) {
      const float y = exponent(max_ - max, pass_.scale);
      const double factor = static_cast<double>(fast_exp2(y));
      moment_ = factor * (moment_ + static_cast<double>(y) * dropped_);
      dropped_ *= factor;
    }
    max_ = max;
  }

  __device__ __forceinline__ void add(const float (&z)[kHeld], bool some_aside) {
    float y[kHeld];
    LPREG_UNROLL
    for (int i = 0; i < kHeld; ++i) y[i] = exponent(z[i] - base(), pass_.scale);
    if (some_aside) {
      LPREG_UNROLL
      for (int i = 0; i < kHeld; ++i) {
        if (!(z[i] - base() >= pass_.cut)) continue;
        if (asides_ < kAsidePerThread) aside_[asides_ * static_cast<int>(blockDim.x)] = z[i];
        ++asides_;
        y[i] = kLowestExponent;
      }
    }
    float sum = 0;
    float moment = 0;
    LPREG_UNROLL
    for (int i = 0; i < kHeld; ++i) {
      const float e = fast_exp2(y[i]);
      sum += e;
      moment = fmaf(e, y[i], moment);
    }
    dropped_ += static_cast<double>(sum);
    moment_ += static_cast<double>(moment);
  }

  const RowPass& pass_;
  const int count_;
  float* const aside_;
  T* const copy_;
  float max_ = kMinusInfinity;
  bool has_nan_ = false;
  int asides_ = 0;
  int chunk_ = 0, exchange_ = 0;
  double dropped_ = 0, moment_ = 0;
};

}  // namespace lpreg::cuda
