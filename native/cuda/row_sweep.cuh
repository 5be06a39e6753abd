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

// Elements that a thread holds at once, whatever their size: kUnroll loads of 16 bytes in flight.
constexpr int kHeld = 16;
template <class T>
constexpr int kUnroll = kHeld / kPack<T>;

// What a thread holds: pack u begins at element first + u * stride of the slice, which may lie before its
// start or beyond its end. Missing elements are -inf.
template <class T, int U = kUnroll<T>>
struct Chunk {
  static constexpr int kElements = U * kPack<T>;
  Pack16 packs[U];
  int first, stride;

  __device__ __forceinline__ void values(float (&z)[kElements]) const {
    LPREG_UNROLL
    for (int u = 0; u < U; ++u) {
      float of_pack[kPack<T>];
      unpack<T>(packs[u], of_pack);
      LPREG_UNROLL
      for (int i = 0; i < kPack<T>; ++i) z[u * kPack<T> + i] = of_pack[i];
    }
  }
};

// The pack at element `begin` of the slice; `aligned` says that whole packs lie on 16-byte boundaries.
template <class T>
__device__ __forceinline__ Pack16 load_pack(const Slice<T>& slice, int begin, bool aligned) {
  if (aligned && begin >= 0 && begin + kPack<T> <= slice.count) return load16(slice.data + begin);
  T elements[kPack<T>];
  LPREG_UNROLL
  for (int i = 0; i < kPack<T>; ++i) {
    const bool inside = begin + i >= 0 && begin + i < slice.count;
    elements[i] = inside ? load_element(slice.data + begin + i) : narrow<T>(kMinusInfinity);
  }
  Pack16 pack;
  memcpy(&pack, elements, 16);
  return pack;
}

// Calls body.step(chunk) equally often in every thread, so that the body may use barriers. The packs begin
// `head` elements after the slice's start, less than a pack, and what lies before forms a pack of its own.
// Which thread gets which element depends on `head` and on nothing else.
template <int U, class T, class Body>
__device__ __forceinline__ void sweep(const Slice<T>& slice, int head, Body& body) {
  constexpr int W = kPack<T>;
  const int shift = head == 0 ? 0 : head - W;
  const int stride = static_cast<int>(blockDim.x) * W;
  const bool aligned = reinterpret_cast<uintptr_t>(slice.data + shift) % 16 == 0;
  int first = shift + static_cast<int>(threadIdx.x) * W;
  for (int begin = shift; begin < slice.count; begin += U * stride) {
    Chunk<T, U> chunk;
    chunk.first = first;
    chunk.stride = stride;
    LPREG_UNROLL
    for (int u = 0; u < U; ++u) chunk.packs[u] = load_pack(slice, first + u * stride, aligned);
    body.step(chunk);
    first += U * stride;
  }
}

// For sums: the packs begin with the slice, so that a row's sums do not depend on where it lies in memory.
template <int U, class T, class Body>
__device__ __forceinline__ void sweep_from_start(const Slice<T>& slice, Body& body) {
  sweep<U>(slice, 0, body);
}

// For everything that has no order: the packs lie on 16-byte boundaries of `anchor`, the slice's first
// element in the memory that is to be accessed at full width.
template <class T, class Anchor, class Body>
__device__ __forceinline__ void sweep_aligned(const Slice<T>& slice, const Anchor* anchor, Body& body) {
  sweep<kUnroll<T>>(slice, elements_before_boundary(anchor, slice.count) % kPack<T>, body);
}

}  // namespace lpreg::cuda
