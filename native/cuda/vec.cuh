// Elements of logits and gradients, and 16-byte packs of them.
#pragma once

#include <cstring>

#include "../core/half.h"
#include "../include/lpreg.h"
#include "platform.cuh"

namespace lpreg::cuda {

struct Float16 {
  uint16_t bits;
};
struct BFloat16 {
  uint16_t bits;
};

__device__ __forceinline__ float widen(float x) { return x; }
__device__ __forceinline__ float widen(Float16 x) { return widen_float16(x.bits); }
__device__ __forceinline__ float widen(BFloat16 x) { return core::bfloat16_to_float(x.bits); }

template <class T>
__device__ __forceinline__ T narrow(float x);
template <>
__device__ __forceinline__ float narrow<float>(float x) {
  return x;
}
template <>
__device__ __forceinline__ Float16 narrow<Float16>(float x) {
  return {narrow_float16(x)};
}
template <>
__device__ __forceinline__ BFloat16 narrow<BFloat16>(float x) {
  return {narrow_bfloat16(x)};
}

// Elements of one 16-byte access.
template <class T>
constexpr int kPack = static_cast<int>(16 / sizeof(T));

template <class T>
__device__ __forceinline__ void unpack(const Pack16& pack, float (&values)[kPack<T>]) {
  T elements[kPack<T>];
  memcpy(elements, &pack, sizeof elements);
  LPREG_UNROLL
  for (int i = 0; i < kPack<T>; ++i) values[i] = widen(elements[i]);
}

// Elements from `p` to the next 16-byte boundary, at most `count`.
template <class T>
__device__ __forceinline__ int elements_before_boundary(const T* p, int count) {
  const int misalignment = static_cast<int>(reinterpret_cast<uintptr_t>(p) % 16 / sizeof(T));
  const int head = misalignment == 0 ? 0 : kPack<T> - misalignment;
  return head < count ? head : count;
}

// `count` elements (all of them, or fewer at a ragged end) of `W` values.
template <class T, int W>
__device__ __forceinline__ void store_values(T* p, const float (&values)[W], int count) {
  T elements[W];
  LPREG_UNROLL
  for (int i = 0; i < W; ++i) elements[i] = narrow<T>(values[i]);
  constexpr int kBytes = static_cast<int>(W * sizeof(T));
  if (kBytes % 16 == 0 && count == W && reinterpret_cast<uintptr_t>(p) % 16 == 0) {
    LPREG_UNROLL
    for (int k = 0; k < kBytes / 16; ++k) {
      Pack16 pack;
      memcpy(&pack, elements + k * kPack<T>, 16);
      store16(p + k * kPack<T>, pack);
    }
    return;
  }
  LPREG_UNROLL
  for (int i = 0; i < W; ++i) {
    if (i < count) store_element(p + i, elements[i]);
  }
}

// One element of a row whose dtype is known at run time only: for single elements and for rows that few
// losses need.
__device__ __forceinline__ float load_any(const void* row, int32_t dtype, int64_t index) {
  if (dtype == LPREG_FLOAT32) return load_element(static_cast<const float*>(row) + index);
  if (dtype == LPREG_FLOAT16) return widen(load_element(static_cast<const Float16*>(row) + index));
  return widen(load_element(static_cast<const BFloat16*>(row) + index));
}

}  // namespace lpreg::cuda
