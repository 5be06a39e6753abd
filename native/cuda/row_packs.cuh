// A row of logits as packs of 16 bytes, for kernels that take their turns over it one pack per thread.
#pragma once

#include "row_sweep.cuh"

namespace lpreg::cuda {

template <class T>
class RowPacks {
 public:
  // Pack 0 begins on the 16-byte boundary before the row's start, or there.
  __device__ RowPacks(const T* row, int64_t count)
      : row_(row),
        count_(count),
        shift_(static_cast<int>(reinterpret_cast<uintptr_t>(row) % 16 / sizeof(T))) {}

  __device__ int64_t packs() const { return (count_ + shift_ + kPack<T> - 1) / kPack<T>; }
  __device__ int64_t first_element(int64_t pack) const { return pack * kPack<T> - shift_; }
  __device__ float at(int64_t element) const { return widen(load_element(row_ + element)); }

  // Elements outside of the row are -inf.
  __device__ __forceinline__ void load(int64_t pack, float (&z)[kPack<T>]) const {
    const int64_t first = first_element(pack);
    if (first >= 0 && first + kPack<T> <= count_) return unpack<T>(load16(row_ + first), z);
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
};

}  // namespace lpreg::cuda
