// One pass of a block over a stretch of a row, wherever it lies: 16-byte accesses on 16-byte boundaries,
// single elements at the two ends. Any alignment, any length.
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

// Whether the pack at element `begin` lies inside the slice.
template <class T>
__device__ __forceinline__ bool holds_pack(const Slice<T>& slice, int begin) {
  return begin >= 0 && begin + kPack<T> <= slice.count;
}

// The pack at element `begin`, by single elements.
template <class T>
__device__ __forceinline__ Pack16 load_each(const Slice<T>& slice, int begin) {
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

// The 16 bytes that begin `bytes`, fewer than 16, after the start of `low`, which `high` follows in memory.
template <class T>
__device__ __forceinline__ Pack16 straddling(const Pack16& low, const Pack16& high, uint32_t bytes) {
  uint32_t w[8];
  memcpy(w, &low, 16);
  memcpy(w + 4, &high, 16);
  LPREG_UNROLL
  for (int i = 0; i < 6; ++i) w[i] = (bytes & 8) != 0 ? w[i + 2] : w[i];
  LPREG_UNROLL
  for (int i = 0; i < 5; ++i) w[i] = (bytes & 4) != 0 ? w[i + 1] : w[i];
  const uint32_t bits = sizeof(T) < 4 ? 8 * (bytes & 3) : 0;
  Pack16 pack;
  LPREG_UNROLL
  for (int i = 0; i < 4; ++i) pack.words[i] = sizeof(T) < 4 ? funnel_shift(w[i], w[i + 1], bits) : w[i];
  return pack;
}

// The packs of a chunk that begin `skew` elements after a 16-byte boundary. Memory is read on the boundaries
// alone, each 16 bytes once per warp: a lane has the first part of its pack, and the next lane the rest. Only
// what lies at the slice's ends is read by elements, since the bytes beyond them are others'.
template <class T, int U>
__device__ __forceinline__ void load_chunk(const Slice<T>& slice, int skew, Chunk<T, U>* chunk) {
  constexpr int W = kPack<T>;
  LPREG_UNROLL
  for (int u = 0; u < U; ++u) {
    const int begin = chunk->first + u * chunk->stride - skew;
    if (holds_pack(slice, begin)) {
      chunk->packs[u] = load16(slice.data + begin);
    } else {
      chunk->packs[u] = skew == 0 ? load_each(slice, begin) : Pack16{};
    }
  }
  if (skew == 0) return;
  LPREG_UNROLL
  for (int u = 0; u < U; ++u) {
    const int begin = chunk->first + u * chunk->stride - skew;
    Pack16& pack = chunk->packs[u];
    Pack16 next;
    LPREG_UNROLL
    for (int i = 0; i < 4; ++i) next.words[i] = shuffle_next(pack.words[i]);
    if (!holds_pack(slice, begin) || !holds_pack(slice, begin + W)) {
      pack = load_each(slice, begin + skew);
      continue;
    }
    if (threadIdx.x % 32 == 31) next = load16(slice.data + begin + W);
    pack = straddling<T>(pack, next, static_cast<uint32_t>(skew) * sizeof(T));
  }
}

// Calls body.step(chunk) equally often in every thread, so that the body may use barriers. The packs begin
// `head` elements after the slice's start, less than a pack, and what lies before forms a pack of its own.
// Which thread gets which element depends on `head` and on nothing else.
template <int U, class T, class Body>
__device__ __forceinline__ void sweep(const Slice<T>& slice, int head, Body& body) {
  constexpr int W = kPack<T>;
  const int shift = head == 0 ? 0 : head - W;
  const int stride = static_cast<int>(blockDim.x) * W;
  const int skew = static_cast<int>(reinterpret_cast<uintptr_t>(slice.data + shift) % 16 / sizeof(T));
  int first = shift + static_cast<int>(threadIdx.x) * W;
  for (int begin = shift; begin < slice.count; begin += U * stride) {
    Chunk<T, U> chunk;
    chunk.first = first;
    chunk.stride = stride;
    load_chunk(slice, skew, &chunk);
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
