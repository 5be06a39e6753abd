// One pass of a block over a stretch of a row, wherever it lies: 16-byte accesses where the memory allows it,
// single elements elsewhere. Any alignment, any length.
#pragma once

#include "vec.cuh"

namespace lpreg::cuda {

constexpr float kMinusInfinity = -__builtin_huge_valf();

// Elements [first, first + count) of a row. `data` points at the first one, in global or shared memory.
template <class T>
struct Slice {
  const T* data;
  int first;
  int count;
};

// Independent 16-byte loads in flight per thread: 16 elements between two flushes, whatever their size.
template <class T>
constexpr int kUnroll = 16 / kPack<T>;

// 16 bytes of elements from anywhere; `aligned` says that `p` lies on a 16-byte boundary.
template <class T>
__device__ __forceinline__ Pack16 load_pack(const T* p, bool aligned) {
  if (aligned) return load16(p);
  T elements[kPack<T>];
  LPREG_UNROLL
  for (int i = 0; i < kPack<T>; ++i) elements[i] = load_element(p + i);
  Pack16 pack;
  memcpy(&pack, elements, 16);
  return pack;
}

// Calls body.step(values, offset, count) for packs of the slice, the first one after `head` elements (fewer
// than a pack), which form a ragged pack of their own. Missing elements of a ragged pack are -inf, and
// `count` says how many there are. body.flush() follows at most 16 elements, so that float32 sums stay short.
// Which thread gets which element depends on `head` and on nothing else.
template <class T, class Body>
__device__ __forceinline__ void sweep(const Slice<T>& slice, int head, Body& body) {
  constexpr int W = kPack<T>;
  constexpr int U = kUnroll<T>;
  const int packs = (slice.count - head) / W;
  const int threads = static_cast<int>(blockDim.x);
  const T* middle = slice.data + head;
  const bool aligned = reinterpret_cast<uintptr_t>(middle) % 16 == 0;
  for (int k = static_cast<int>(threadIdx.x); k < packs; k += U * threads) {
    Pack16 raw[U];
    LPREG_UNROLL
    for (int u = 0; u < U; ++u) {
      if (k + u * threads < packs)
        raw[u] = load_pack(middle + static_cast<int64_t>(k + u * threads) * W, aligned);
    }
    LPREG_UNROLL
    for (int u = 0; u < U; ++u) {
      if (k + u * threads < packs) {
        float values[W];
        unpack<T>(raw[u], values);
        body.step(values, head + (k + u * threads) * W, W);
      }
    }
    body.flush();
  }
  // The ends go to the first and the last thread.
  const int tail_begin = head + packs * W;
  const bool first = threadIdx.x == 0;
  const bool last = static_cast<int>(threadIdx.x) == threads - 1;
  for (int end = 0; end < 2; ++end) {
    const int begin = end == 0 ? 0 : tail_begin;
    const int count = end == 0 ? head : slice.count - tail_begin;
    if (count == 0 || !(end == 0 ? first : last)) continue;
    float values[W];
    LPREG_UNROLL
    for (int i = 0; i < W; ++i) {
      values[i] = i < count ? widen(load_element(slice.data + begin + i)) : kMinusInfinity;
    }
    body.step(values, begin, count);
    body.flush();
  }
}

// For sums: the packs begin with the slice, so that a row's sums do not depend on where it lies in memory.
template <class T, class Body>
__device__ __forceinline__ void sweep_from_start(const Slice<T>& slice, Body& body) {
  sweep(slice, 0, body);
}

// For everything that has no order: the packs lie on 16-byte boundaries of `anchor`, the slice's first
// element in the memory that is to be accessed at full width.
template <class T, class Anchor, class Body>
__device__ __forceinline__ void sweep_aligned(const Slice<T>& slice, const Anchor* anchor, Body& body) {
  sweep(slice, elements_before_boundary(anchor, slice.count) % kPack<T>, body);
}

}  // namespace lpreg::cuda
