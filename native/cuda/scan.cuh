// Sums over the threads before one, by shuffles and one barrier.
#pragma once

#include "reduce.cuh"

namespace lpreg::cuda {

struct Prefix {
  uint32_t before;  // sum over the threads before this one
  uint32_t total;   // over all threads
};

// All 32 lanes take part. After the step of 2^k, `total` is the sum of a group of 2^(k+1) lanes.
__device__ __forceinline__ Prefix warp_prefix(uint32_t value) {
  Prefix prefix{0, value};
  LPREG_UNROLL
  for (int lanes = 1; lanes < 32; lanes *= 2) {
    const uint32_t other = shuffle_xor(prefix.total, lanes);
    if ((threadIdx.x & static_cast<unsigned>(lanes)) != 0) prefix.before += other;
    prefix.total += other;
  }
  return prefix;
}

// All threads of the block take part, with alternating `parity` (0, 1, 0, ...) from one call to the next: the
// barrier of a call then also lies between the reads of the call before and the writes of the one after.
__device__ __forceinline__ Prefix block_prefix(uint32_t value, int parity) {
  SHARED_ARRAY(uint32_t, of_warp, 2 * kMaxWarps);
  Prefix prefix = warp_prefix(value);
  uint32_t* totals = of_warp + parity * kMaxWarps;
  if (threadIdx.x % 32 == 0) totals[threadIdx.x / 32] = prefix.total;
  __syncthreads();  // between the warps' totals and everyone's reads
  prefix.total = 0;
  for (uint32_t warp = 0; warp < blockDim.x / 32; ++warp) {
    if (warp == threadIdx.x / 32) prefix.before += prefix.total;
    prefix.total += totals[warp];
  }
  return prefix;
}

}  // namespace lpreg::cuda
