// Sums and maxima over the threads of a team: one block, or the blocks of a cluster. The order is fixed by
// the team's shape: lanes as a butterfly, then warps by number, then blocks by rank. All threads get the
// result, and all must take part. May be called in a loop.
#pragma once

#include "platform.cuh"

namespace lpreg::cuda {

constexpr int kMaxWarps = 32;

template <int N>
struct Sums {
  double v[N];

  __device__ __forceinline__ static Sums none() {
    Sums sums;
    LPREG_UNROLL
    for (int i = 0; i < N; ++i) sums.v[i] = 0;
    return sums;
  }
  __device__ __forceinline__ void join(const Sums& other) {
    LPREG_UNROLL
    for (int i = 0; i < N; ++i) v[i] += other.v[i];
  }
  __device__ __forceinline__ Sums from_lane(int lanes) const {
    Sums other;
    LPREG_UNROLL
    for (int i = 0; i < N; ++i) other.v[i] = shuffle_xor(v[i], lanes);
    return other;
  }
};

// Drops NaN.
template <class T>
struct Maximum {
  T v;

  __device__ __forceinline__ static Maximum none() { return {-static_cast<T>(__builtin_huge_val())}; }
  __device__ __forceinline__ void join(const Maximum& other) { v = other.v > v ? other.v : v; }
  __device__ __forceinline__ Maximum from_lane(int lanes) const { return {shuffle_xor(v, lanes)}; }
};

// Loops are not unrolled: these run a few times per row, and their code would be most of a kernel's.
template <class V>
__device__ __forceinline__ V warp_reduce(V value) {
  LPREG_NO_UNROLL
  for (int lanes = 16; lanes > 0; lanes /= 2) value.join(value.from_lane(lanes));
  return value;
}

template <class V>
__device__ V block_reduce(V value) {
  SHARED_ARRAY(V, of_warp, kMaxWarps);
  value = warp_reduce(value);
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = value;
  __syncthreads();  // between the warps' writes and the first thread's reads
  if (threadIdx.x == 0) {
    const int warps = static_cast<int>(blockDim.x / 32);
    LPREG_NO_UNROLL
    for (int warp = 1; warp < warps; ++warp) value.join(of_warp[warp]);
    of_warp[0] = value;
  }
  __syncthreads();  // between the first thread's write and everyone's reads
  value = of_warp[0];
  __syncthreads();  // between these reads and the next call's writes
  return value;
}

// The blocks that share a row: those of a cluster, or one block alone.
__device__ __forceinline__ void team_sync() {
  if (cluster_size() == 1) return __syncthreads();
  cluster_sync();
}

template <class V>
__device__ V team_reduce(V value) {
  value = block_reduce(value);
  if (cluster_size() == 1) return value;
  SHARED_ARRAY(V, own, 1);
  SHARED_ARRAY(V, joined, 1);
  if (threadIdx.x == 0) own[0] = value;
  cluster_sync();  // between the blocks' writes and their peers' reads
  if (threadIdx.x == 0) {
    value = *cluster_peer(&own[0], 0);
    for (uint32_t peer = 1; peer < cluster_size(); ++peer) value.join(*cluster_peer(&own[0], peer));
    joined[0] = value;
  }
  cluster_sync();  // between these reads and a peer's next write or its exit, and before all read `joined`
  return joined[0];
}

}  // namespace lpreg::cuda
