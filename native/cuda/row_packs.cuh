// A row of logits as packs of 16 bytes, for kernels that take their turns over it one pack per thread.
#pragma once

#include "row_sweep.cuh"

namespace lpreg::cuda {

template <class T>
class RowPacks {
 public:
  // Pack 0 begins `shift` elements before the row, fewer than a pack holds.
  __device__ RowPacks(const T* row, int64_t count, int shift)
      : row_(row),
        count_(count),
        shift_(shift),
        aligned_(reinterpret_cast<uintptr_t>(row - shift) % 16 == 0) {}

  __device__ int64_t packs() const { return (count_ + shift_ + kPack<T> - 1) / kPack<T>; }
  __device__ int64_t first_element(int64_t pack) const { return pack * kPack<T> - shift_; }
  __device__ float at(int64_t element) const { return widen(load_element(row_ + element)); }

  // Elements outside of the row are -inf.
  __device__ __forceinline__ void load(int64_t pack, float (&z)[kPack<T>]) const {
    const int64_t first = first_element(pack);
    if (aligned_ && first >= 0 && first + kPack<T> <= count_) return unpack<T>(load16(row_ + first), z);
    LPREG_UNROLL
    for (int i = 0; i < kPack<T>; ++i) {
      const bool inside = first + i >= 0 && first + i < count_;
      z[i] = inside ? at(first + i) : kMinusInfinity;
    }
  }

 private:
  const T* row_;
  int64_t count_;
  int shift_;
  bool aligned_;
};

// Calls f(z) for all elements, 16 per thread at once. The packs begin with the row, so that the sums of a
// thread do not depend on where the row lies in memory.
template <class T, class F>
__device__ __forceinline__ void for_each_16(const T* row, int64_t count, const F& f) {
  constexpr int W = kPack<T>;
  const int64_t threads = blockDim.x;
  const RowPacks<T> packs(row, count, 0);
  for (int64_t pack = threadIdx.x; pack < packs.packs(); pack += 16 / W * threads) {
    float z[16];
    LPREG_UNROLL
    for (int u = 0; u < 16 / W; ++u) {
      float of_pack[W];
      packs.load(pack + u * threads, of_pack);
      LPREG_UNROLL
      for (int i = 0; i < W; ++i) z[u * W + i] = of_pack[i];
    }
    f(z);
  }
}

}  // namespace lpreg::cuda
