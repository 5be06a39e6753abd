// Small kernels in the manner of native/cuda, each correct with Plant::kNone and with one mistake otherwise.
// They test the emulation: a mistake that no mode can see would go unnoticed in a real kernel too.
#pragma once

#include "cuda/platform.cuh"

namespace lpreg::planted {

enum class Plant {
  kNone,
  kReadBeforeBarrier,      // a missing __syncthreads() before a shared value is read
  kReuseBeforeBarrier,     // a missing __syncthreads() before a shared buffer is written again
  kDivergentBarrier,       // half of the block waits at another __syncthreads()
  kAbsentLane,             // a lane that the shuffle's mask names does not take part
  kReadBeforeClusterSync,  // another CTA's memory is read before it was written
  kEarlyExit,              // a CTA ends while another may still read its memory
  kWrongRank,              // a CTA that the cluster does not have
  kPastTheEnd,             // reads one element beyond the row, by the counted loads
  kPastTheEndRaw,          // the same by a plain load
  kDroppedTail,            // the elements after the last pack are forgotten
  kMisaligned,             // 16-byte accesses from an odd row base
  kMisalignedRaw,          // the same by a plain load
  kOffset32,               // row * stride in 32 bits
  kUnguardedMerge,         // merging a part with no finite element gives NaN
  kUnwrittenShared,        // reads shared memory that nobody wrote
  kCrossBlockRace,         // two blocks add to one word without an atomic
  kUnorderedSum            // blocks add floats in whichever order they come
};

template <class T>
T warp_sum(T value) {
  for (int lanes = 16; lanes > 0; lanes /= 2) value += cuda::shuffle_xor(value, lanes);
  return value;
}

template <Plant P>
float block_sum(float value, float* partial) {
  const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
  if (P != Plant::kAbsentLane || lane != 31) value = warp_sum(value);
  if (lane == 0 && !(P == Plant::kUnwrittenShared && warp == warps - 1)) partial[warp] = value;
  if (P != Plant::kReadBeforeBarrier) __syncthreads();  // partial is complete before it is read
  float total = 0;
  for (unsigned i = 0; i < warps; ++i) total += partial[i];
  if (P != Plant::kReuseBeforeBarrier) __syncthreads();  // all have read before partial is written again
  return total;
}

// out[row] = {sum, sum of squares}
template <Plant P>
__global__ void row_sums(const float* rows, int64_t width, int64_t stride, float* out) {
  SHARED_ARRAY(float, partial, 32);
  const int64_t row = blockIdx.x;
  const float* values = rows + row * stride;
  float sum = 0, squares = 0;
  for (int64_t i = threadIdx.x; i < width; i += blockDim.x) {
    const float value = cuda::load_element(values + i);
    sum += value;
    squares += value * value;
  }
  if (P == Plant::kDivergentBarrier && threadIdx.x < 16) __syncthreads();
  sum = block_sum<P>(sum, partial);
  squares = block_sum<P>(squares, partial);
  if (threadIdx.x == 0) {
    out[2 * row] = sum;
    out[2 * row + 1] = squares;
  }
}

// The same sum with each row shared by the CTAs of a cluster.
template <Plant P>
__global__ void cluster_row_sums(const float* rows, int64_t width, float* out) {
  SHARED_ARRAY(float, partial, 32);
  SHARED_ARRAY(float, own, 1);
  const int64_t row = blockIdx.x / cuda::cluster_size();
  const unsigned rank = cuda::cluster_rank(), size = cuda::cluster_size();
  float sum = 0;
  for (int64_t i = rank * blockDim.x + threadIdx.x; i < width; i += int64_t{size} * blockDim.x) {
    sum += cuda::load_element(rows + row * width + i);
  }
  sum = block_sum<Plant::kNone>(sum, partial);
  if (threadIdx.x == 0) own[0] = sum;
  if (P != Plant::kReadBeforeClusterSync) cuda::cluster_sync();  // every CTA's own[0] is written
  if (rank == 0 && threadIdx.x == 0) {
    float total = 0;
    for (unsigned i = 0; i < size; ++i)
      total += *cuda::cluster_peer(&own[0], P == Plant::kWrongRank ? i + 1 : i);
    out[row] = total;
  }
  if (P != Plant::kEarlyExit) cuda::cluster_sync();  // nobody ends while rank 0 still reads
}

// Copies rows of uint16_t by packs of 8, with scalar head and tail.
template <Plant P>
__global__ void copy_rows(const uint16_t* from, uint16_t* to, int64_t width, int64_t stride) {
  int64_t offset = blockIdx.x * stride;
  if (P == Plant::kOffset32) offset = static_cast<int32_t>(blockIdx.x * static_cast<uint32_t>(stride));
  const uint16_t* source = from + offset;
  uint16_t* target = to + offset;
  const int64_t misplaced = static_cast<int64_t>(reinterpret_cast<uintptr_t>(source) % 16 / 2);
  const bool ignored = P == Plant::kMisaligned || P == Plant::kMisalignedRaw;
  int64_t head = ignored || misplaced == 0 ? 0 : 8 - misplaced;
  if (head > width) head = width;
  const int64_t packs = (width - head) / 8, tail = head + 8 * packs;
  for (int64_t i = threadIdx.x; i < head; i += blockDim.x)
    cuda::store_element(target + i, cuda::load_element(source + i));
  for (int64_t k = threadIdx.x; k < packs; k += blockDim.x) {
    const int64_t at = head + 8 * k;
    if (P == Plant::kMisalignedRaw) {
      const cuda::Pack16 pack = *reinterpret_cast<const cuda::Pack16*>(source + at);
      memcpy(target + at, &pack, sizeof pack);
    } else {
      cuda::store16(target + at, cuda::load16(source + at));
    }
  }
  const int64_t end = P == Plant::kDroppedTail ? tail : width;
  for (int64_t i = tail + threadIdx.x; i < end; i += blockDim.x) {
    cuda::store_element(target + i, cuda::load_element(source + i));
  }
  if (P == Plant::kPastTheEnd && threadIdx.x == 0) cuda::load_element(source + width);
  if (P == Plant::kPastTheEndRaw && threadIdx.x == 0 && source[width] == 1)
    cuda::store_element(target, uint16_t{1});
}

struct MaxSum {
  float max, sum;
};

template <Plant P>
MaxSum merge(const MaxSum& a, const MaxSum& b) {
  MaxSum merged{a.max > b.max ? a.max : b.max, 0};
  const float lowest = -HUGE_VALF;
  if (P == Plant::kUnguardedMerge || a.max > lowest) merged.sum += a.sum * expf(a.max - merged.max);
  if (P == Plant::kUnguardedMerge || b.max > lowest) merged.sum += b.sum * expf(b.max - merged.max);
  return merged;
}

// out[row] = max + log sum exp, by one warp
template <Plant P>
__global__ void row_log_sum_exp(const float* rows, int64_t width, float* out) {
  const float* values = rows + blockIdx.x * width;
  MaxSum state{-HUGE_VALF, 0};
  for (int64_t i = threadIdx.x; i < width; i += blockDim.x) {
    state = merge<P>(state, {cuda::load_element(values + i), 1});
  }
  for (int lanes = 16; lanes > 0; lanes /= 2) {
    const float other_max = cuda::shuffle_xor(state.max, lanes),
                other_sum = cuda::shuffle_xor(state.sum, lanes);
    state = merge<P>(state, {other_max, other_sum});
  }
  if (threadIdx.x == 0) out[blockIdx.x] = state.max + logf(state.sum);
}

// total[0] = number of blocks, total[1] as bits: float sum of 0.1 * (block + 1)
template <Plant P>
__global__ void grid_total(uint32_t* total) {
  if (threadIdx.x != 0) return;
  if (P == Plant::kCrossBlockRace) {
    total[0] = total[0] + 1;
  } else {
    cuda::atomic_add(total, 1u);
  }
  if (P == Plant::kUnorderedSum) {
    float sum;
    memcpy(&sum, total + 1, sizeof sum);
    sum += 0.1f * static_cast<float>(blockIdx.x + 1);
    memcpy(total + 1, &sum, sizeof sum);
  }
}

}  // namespace lpreg::planted
