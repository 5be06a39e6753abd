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

template <class T>
constexpr int32_t kDtype = LPREG_FLOAT32;
template <>
constexpr int32_t kDtype<Float16> = LPREG_FLOAT16;
template <>
constexpr int32_t kDtype<BFloat16> = LPREG_BFLOAT16;

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
// A mask in place of two shifts for every other element.
template <>
__device__ __forceinline__ void unpack<BFloat16>(const Pack16& pack, float (&values)[kPack<BFloat16>]) {
  LPREG_UNROLL
  for (int k = 0; k < 4; ++k) {
    values[2 * k] = core::bits_to_float(pack.words[k] << 16);
    values[2 * k + 1] = core::bits_to_float(pack.words[k] & 0xffff0000u);
  }
}

// Elements from `p` to the next 16-byte boundary, at most `count`.
template <class T>
__device__ __forceinline__ int elements_before_boundary(const T* p, int count) {
  const int misalignment = static_cast<int>(reinterpret_cast<uintptr_t>(p) % 16 / sizeof(T));
  const int head = misalignment == 0 ? 0 : kPack<T> - misalignment;
  return head < count ? head : count;
}

// The pack at element `begin` of a row's `count` elements, as far as it lies inside.
template <class T>
__device__ __forceinline__ void store_pack(T* row, int begin, int count, const float (&values)[kPack<T>]) {
  T elements[kPack<T>];
  LPREG_UNROLL
  for (int i = 0; i < kPack<T>; ++i) elements[i] = narrow<T>(values[i]);
  if (begin >= 0 && begin + kPack<T> <= count && reinterpret_cast<uintptr_t>(row + begin) % 16 == 0) {
    Pack16 pack;
    memcpy(&pack, elements, 16);
    return store16(row + begin, pack);
  }
  LPREG_UNROLL
  for (int i = 0; i < kPack<T>; ++i) {
    if (begin + i >= 0 && begin + i < count) store_element(row + begin + i, elements[i]);
  }
}

// One element of a row whose dtype is known at run time only: for single elements and for rows that few
// losses need.
__device__ __forceinline__ float load_any(const void* row, int32_t dtype, int64_t index) {
  if (dtype == LPREG_FLOAT32) return load_element(static_cast<const float*>(row) + index);
  if (dtype == LPREG_FLOAT16) return widen(load_element(static_cast<const Float16*>(row) + index));
  return widen(load_element(static_cast<const BFloat16*>(row) + index));
}

__device__ __forceinline__ void store_any(void* row, int32_t dtype, int64_t index, float value) {
  if (dtype == LPREG_FLOAT32) return store_element(static_cast<float*>(row) + index, value);
  if (dtype == LPREG_FLOAT16)
    return store_element(static_cast<Float16*>(row) + index, narrow<Float16>(value));
  store_element(static_cast<BFloat16*>(row) + index, narrow<BFloat16>(value));
}

}  // namespace lpreg::cuda
