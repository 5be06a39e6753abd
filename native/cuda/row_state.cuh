// The state of a row by all threads of the blocks that share it: one read of the logits, a second sweep where
// the first one does not suffice (from shared memory where that holds the row).
#pragma once

#include "first_sweep.cuh"

namespace lpreg::cuda {

// The kernel's dynamic shared memory: what the first sweep puts aside, then the row's part if there is room.
template <class T>
struct RowMemory {
  float* aside;
  T* row;  // NULL: not held
};
template <class T>
__device__ __forceinline__ RowMemory<T> row_memory(bool holds_row) {
  DYN_SHARED(float, dynamic);
  const uint32_t floats = kAsidePerThread * blockDim.x;
  return {dynamic, holds_row ? reinterpret_cast<T*>(dynamic + floats) : nullptr};
}

// body(element, its place) for each element of the slice, one at a time: for what few rows need.
template <class T, class Body>
__device__ __forceinline__ void each_element(const Slice<T>& slice, const Body& body) {
  for (int i = static_cast<int>(threadIdx.x); i < slice.count; i += static_cast<int>(blockDim.x)) {
    body(load_element(slice.data + i), i);
  }
}

template <class T>
__device__ __forceinline__ void read_once(const Slice<T>& slice, bool capped, T* copy, FirstSweep<T>* first) {
  if (!capped) return sweep_from_start<kUnroll<T>>(slice, *first);
  each_element(slice, [&](T element, int i) {
    if (copy != nullptr) copy[i] = element;
    first->see(widen(element));
  });
}

// Thread 0 of each block leaves the row's sums in `row`, with the part unless that is known; all threads take
// part.
__device__ __forceinline__ void join_sums(const ThreadSums& own, const RowPass& pass,
                                          const Extremes& extremes, bool knows_part, RowSums* row) {
  const Sums<5> sums =
      team_reduce(Sums<5>{{static_cast<double>(own.maxima), own.moment.total, own.kept_rest.total,
                           own.dropped.total, static_cast<double>(own.kept)}});
  if (threadIdx.x != 0) return;
  row->kept = {sums.v[2], sums.v[3], 0, static_cast<int64_t>(sums.v[4])};
  if (knows_part) return;
  row->part.max = extremes.max + 0.0f;  // never -0, whichever zero came first
  row->part.max_count = sums.v[0];
  row->part.rest = extremes.is_lost() ? static_cast<double>(NAN) : sums.v[2] + sums.v[3];
  // From exponents of 2, by their rounded scale, to (z - max) / t.
  row->part.moment = sums.v[1] / (static_cast<double>(pass.scale.per_unit) * pass.row.temperature);
  row->part.raw_rest = 0;
}

// For rows of which the first sweep has the extremes alone; out of line, so that its many sums cost the
// others no registers.
template <class T>
__device__ __noinline__ void sum_again(const T* data, int count, const RowPass& pass, float max, uint32_t met,
                                       float cut, bool knows_part, RowSums* row) {
  const Slice<T> slice{data, 0, count};
  const bool raw = core::filter_needs_raw_sum(pass.row);
  ThreadSums sums;
  if (pass.row.softcap == 0) {
    SecondSweep<T> body{pass, max, finite_maximum(max), cut, raw, {}};
    sweep_from_start<SecondSweep<T>::kHalfUnroll>(slice, body);
    sums = body.sums;
  } else {
    const Distance distance(max, pass);
    each_element(slice, [&](T element, int) {
      const float z = widen(element);
      sums.add(z, distance.at(z), max, cut, pass, raw);
      sums.flush();
    });
  }
  join_sums(sums, pass, {max, met}, knows_part, row);
  const Sums<2> others = team_reduce(Sums<2>{{sums.linear.total, sums.raw_rest.total}});
  if (threadIdx.x != 0) return;
  row->kept.linear = others.v[0] / pass.row.temperature;
  if (!knows_part) row->part.raw_rest = others.v[1];
}

// The sampled token of a row, in shared memory: thread 0 writes it before the sweeps and alone reads it after
// them, so that no register holds it in between.
struct RowAction {
  float logit;  // -inf without an action
  bool present;
};

// State of one row under the pass's filter, with the proxy taken from this same row. `state` is in shared
// memory and thread 0's alone; all threads may read the slice from its copy afterwards, if there is one.
template <class T>
__device__ __forceinline__ void row_state(const RowPass& pass, const RowMemory<T>& memory,
                                          const Slice<T>& slice, const RowAction* action,
                                          lpreg_row_state* state) {
  SHARED_ARRAY(RowSums, row, 1);
  const bool capped = pass.row.softcap != 0;
  FirstSweep<T> first(pass, slice.count, memory.aside, memory.row);
  read_once(slice, capped, memory.row, &first);
  // Its barriers also lie between the copy's writes and the reads of other threads.
  const Extremes extremes = team_reduce(first.extremes());
  const T* const data = memory.row != nullptr ? memory.row : slice.data;
  bool again = capped || core::filter_needs_raw_sum(pass.row) || (extremes.met & Extremes::kOverflow) != 0;
  float cut = pass.cut;
  // A fixed filter's cut is known once the whole sum is.
  for (bool knows_part = false;; knows_part = true) {
    if (again) {
      sum_again(data, slice.count, pass, extremes.max, extremes.met, cut, knows_part, row);
    } else {
      join_sums(first.sums(extremes.max, cut), pass, extremes, knows_part, row);
    }
    if (!knows_part && threadIdx.x == 0) {
      row->part.action_logit = action->logit;
      finish_part(pass, action->present, row, state);
    }
    if (knows_part || pass.row.filter_kind != LPREG_FILTER_FIXED || extremes.is_lost()) break;
    __syncthreads();  // between thread 0's rule and everyone's reads
    cut = row->rule.cut;
    again = again || row->rule.uniform;  // which needs a sum over all distances
  }
  const bool filtered = pass.row.filter_kind != LPREG_FILTER_NONE;
  if (threadIdx.x == 0 && filtered && !extremes.is_lost()) finish_kept(pass, action->present, row, state);
}

}  // namespace lpreg::cuda
