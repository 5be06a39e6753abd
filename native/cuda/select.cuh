// Exact selection among the rows of a batch by one block: core/selection.h with integer counters in shared
// memory, so that the result does not depend on the order of execution.
#pragma once

#include "../core/selection.h"
#include "reduce.cuh"

namespace lpreg::cuda {

// Keys of the rows that take part; both in global memory, written before a barrier.
struct Candidates {
  const uint64_t* keys;  // [rows]
  const uint8_t* takes;  // [rows]
  int64_t rows;
};

// The element of 0-based rank `rank`, which must be below the number of candidates. All threads get the
// result.
__device__ inline core::RadixSelect block_select(const Candidates& candidates, int64_t rank) {
  SHARED_ARRAY(uint32_t, counts, core::kRadixBuckets);
  SHARED_ARRAY(core::RadixSelect, shared_select, 1);
  core::RadixSelect select{0, rank, 0};
  while (select.pass < core::kRadixPasses) {
    for (int i = static_cast<int>(threadIdx.x); i < core::kRadixBuckets; i += static_cast<int>(blockDim.x)) {
      counts[i] = 0;
    }
    __syncthreads();  // between the zeros and the counting
    for (int64_t row = threadIdx.x; row < candidates.rows; row += blockDim.x) {
      if (candidates.takes[row] == 0 || !core::matches_prefix(select, candidates.keys[row])) continue;
      atomic_add(&counts[core::digit_of(select, candidates.keys[row])], 1);
    }
    __syncthreads();  // between the counting and the descent
    if (threadIdx.x == 0) {
      core::descend(&select, counts);
      shared_select[0] = select;
    }
    __syncthreads();  // between the descent and everyone's read, and before the next zeros
    select = shared_select[0];
  }
  return select;
}

// The rows of a thread, as one stretch, so that ties can be counted in order of index.
struct Stretch {
  int64_t begin, end;
};
__device__ inline Stretch stretch_of_thread(int64_t rows) {
  const int64_t length = (rows + blockDim.x - 1) / blockDim.x;
  const int64_t begin = length * threadIdx.x < rows ? length * threadIdx.x : rows;
  return {begin, begin + length < rows ? begin + length : rows};
}

// The sum of `value` over the threads before this one.
__device__ inline int64_t sum_before(int64_t value) {
  SHARED_ARRAY(int64_t, of_thread, kMaxWarps * 32);
  of_thread[threadIdx.x] = value;
  __syncthreads();  // between the values and the scan
  if (threadIdx.x == 0) {
    int64_t sum = 0;
    for (uint32_t i = 0; i < blockDim.x; ++i) {
      const int64_t own = of_thread[i];
      of_thread[i] = sum;
      sum += own;
    }
  }
  __syncthreads();                // between the scan and everyone's read
  return of_thread[threadIdx.x];  // which no other thread touches before the next call's first barrier
}

// Marks the k candidates of `count` with the smallest keys; ties: lowest index first. Other rows keep their
// mark.
__device__ inline void mark_lowest(const Candidates& candidates, int64_t count, int64_t k, uint8_t* marks) {
  if (k <= 0 || count == 0) return;
  const bool all = k >= count;
  const core::RadixSelect last = all ? core::RadixSelect{} : block_select(candidates, k - 1);
  const Stretch stretch = stretch_of_thread(candidates.rows);
  int64_t own_ties = 0;
  for (int64_t row = stretch.begin; row < stretch.end; ++row) {
    own_ties += candidates.takes[row] != 0 && candidates.keys[row] == last.prefix;
  }
  int64_t ties = last.rank + 1 - sum_before(own_ties);  // as many equal ones as still fit from here on
  for (int64_t row = stretch.begin; row < stretch.end; ++row) {
    if (candidates.takes[row] == 0) continue;
    const uint64_t key = candidates.keys[row];
    if (all || key < last.prefix || (key == last.prefix && ties-- > 0)) marks[row] = 1;
  }
}

}  // namespace lpreg::cuda
