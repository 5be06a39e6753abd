// Statistics of a row: one sweep for its maximum, one for everything that depends on it, a third for a fixed
// filter. From shared memory or from the L2 cache the later sweeps cost no DRAM traffic.
// Maximisers are counted, not summed, as on the CPU; a thread sums 16 elements in float32, everything above
// in float64.
#pragma once

#include "distance.cuh"
#include "reduce.cuh"

namespace lpreg::cuda {

struct MaximumOf {
  Maximum<float> max = Maximum<float>::none();

  template <int W>
  __device__ __forceinline__ void step(const float (&z)[W], int, int) {
    LPREG_UNROLL
    for (int i = 0; i < W; ++i) max.v = fmaxf(z[i], max.v);
  }
  __device__ __forceinline__ void flush() {}
};

struct Total {
  float recent = 0;
  double total = 0;

  __device__ __forceinline__ void flush() {
    total += static_cast<double>(recent);
    recent = 0;
  }
};

// Sums that a sweep can take.
constexpr unsigned kPart = 1;    // max_count, moment and rest
constexpr unsigned kRaw = 2;     // raw_rest
constexpr unsigned kKept = 4;    // kept_rest, dropped and count
constexpr unsigned kLinear = 8;  // linear

template <bool kSoftcap, unsigned kWanted>
struct Statistics {
  const Distance<kSoftcap> distance;
  const ExpScale scale, raw_scale;
  const float max, cut;
  uint32_t maxima = 0, kept = 0;
  Total rest, moment, raw_rest, kept_rest, dropped, linear;

  __device__ __forceinline__ Statistics(const RowPass& pass, float max_value, float cut_value)
      : distance(max_value, pass),
        scale(pass.scale),
        raw_scale(pass.raw_scale),
        max(max_value),
        cut(cut_value) {}

  template <int W>
  __device__ __forceinline__ void step(const float (&z)[W], int, int) {
    LPREG_UNROLL
    for (int i = 0; i < W; ++i) add(z[i], distance.at(z[i]));
  }

  __device__ __forceinline__ void add(float z, float d) {
    const float finite = at_least(d, scale.lowest);
    const float e = precise_exp(finite, scale);
    const bool is_max = z == max;
    if constexpr ((kWanted & kPart) != 0) {
      maxima += is_max;
      moment.recent = fmaf(e, finite, moment.recent);
    }
    if constexpr ((kWanted & kRaw) != 0) {
      const float raw = precise_exp(at_least(d, raw_scale.lowest), raw_scale);
      raw_rest.recent += is_max ? 0.0f : raw;
    }
    if constexpr ((kWanted & kKept) != 0) {
      const bool keep = d >= cut;
      kept += keep;
      kept_rest.recent += keep && !is_max ? e : 0.0f;
      dropped.recent += keep || is_max ? 0.0f : e;
    } else {
      rest.recent += is_max ? 0.0f : e;
    }
    if constexpr ((kWanted & kLinear) != 0) linear.recent += d == kMinusInfinity ? 0.0f : d;
  }

  __device__ __forceinline__ void flush() {
    if constexpr ((kWanted & kPart) != 0) moment.flush();
    if constexpr ((kWanted & kRaw) != 0) raw_rest.flush();
    if constexpr ((kWanted & kKept) != 0) {
      kept_rest.flush();
      dropped.flush();
    } else {
      rest.flush();
    }
    if constexpr ((kWanted & kLinear) != 0) linear.flush();
  }
};

template <class Team, class T>
__device__ float row_maximum(const Slice<T>& slice) {
  MaximumOf body;
  sweep_aligned(slice, slice.data, body);
  return Team::reduce(body.max).v + 0.0f;  // never -0, whichever zero came first
}

// The sums of a row, in shared memory; thread 0 writes them, and thread 0 reads them.
struct RowSums {
  lpreg_row_part part;
  lpreg_row_kept kept;
  core::KeptRule rule;
};

__device__ __forceinline__ void set_part(const RowPass& pass, float max, double max_count, double rest,
                                         double moment, double raw_rest, RowSums* row) {
  if (threadIdx.x != 0) return;
  lpreg_row_part& part = row->part;
  part.max = max;
  part.max_count = max == kMinusInfinity ? 0.0 : max_count;
  part.rest = max == -kMinusInfinity ? static_cast<double>(NAN) : rest;
  part.moment = moment / pass.row.temperature;
  part.raw_rest = raw_rest;
}

// (a), and (b) where the cut needs nothing but the maximum.
template <class Team, bool kSoftcap, class T>
__device__ __forceinline__ void sum_part(const Slice<T>& slice, const RowPass& pass, float max,
                                         RowSums* row) {
  if (pass.row.filter_kind == LPREG_FILTER_MIN_P) {
    Statistics<kSoftcap, kPart | kKept> body(pass, max, pass.min_p_cut);
    sweep_from_start(slice, body);
    const auto sums =
        Team::reduce(Sums<5>{{static_cast<double>(body.maxima), body.moment.total, body.kept_rest.total,
                              body.dropped.total, static_cast<double>(body.kept)}});
    set_part(pass, max, sums.v[0], sums.v[2] + sums.v[3], sums.v[1], 0, row);
    if (threadIdx.x == 0) row->kept = {sums.v[2], sums.v[3], 0, static_cast<int64_t>(sums.v[4])};
    return;
  }
  if (core::filter_needs_raw_sum(pass.row)) {
    Statistics<kSoftcap, kPart | kRaw> body(pass, max, 0);
    sweep_from_start(slice, body);
    const auto sums = Team::reduce(
        Sums<4>{{static_cast<double>(body.maxima), body.moment.total, body.rest.total, body.raw_rest.total}});
    return set_part(pass, max, sums.v[0], sums.v[2], sums.v[1], sums.v[3], row);
  }
  Statistics<kSoftcap, kPart> body(pass, max, 0);
  sweep_from_start(slice, body);
  const auto sums =
      Team::reduce(Sums<3>{{static_cast<double>(body.maxima), body.moment.total, body.rest.total}});
  set_part(pass, max, sums.v[0], sums.v[2], sums.v[1], 0, row);
}

template <class Team, bool kSoftcap, class T>
__device__ __forceinline__ void sum_kept(const Slice<T>& slice, const RowPass& pass, float max,
                                         RowSums* row) {
  Statistics<kSoftcap, kKept | kLinear> body(pass, max, row->rule.cut);
  sweep_from_start(slice, body);
  const auto sums = Team::reduce(
      Sums<4>{{body.kept_rest.total, body.dropped.total, body.linear.total, static_cast<double>(body.kept)}});
  if (threadIdx.x != 0) return;
  row->kept = {sums.v[0], sums.v[1], sums.v[2] / pass.row.temperature, static_cast<int64_t>(sums.v[3])};
}

// The closed forms, by one thread, out of line: their float64 code must not cost the sweeps any registers.
__device__ __noinline__ inline void finish_part(const RowPass& pass, bool has_action, RowSums* row,
                                                lpreg_row_state* state) {
  *state = core::finalize_part(pass.row, row->part, has_action);
  const bool filtered = pass.row.filter_kind != LPREG_FILTER_NONE;
  if (filtered && !(state->flags & LPREG_ROW_NON_FINITE)) row->rule = core::kept_rule(pass.row, row->part);
}
__device__ __noinline__ inline void finish_kept(const RowPass& pass, bool has_action, const RowSums* row,
                                                lpreg_row_state* state) {
  core::finalize_kept(pass.row, row->part, row->kept, row->rule, pass.batch.vocab, has_action, state);
}

// State of one row under the pass's filter, with the proxy taken from this same row. `state` is in shared
// memory; all threads may read it afterwards.
template <class Team, bool kSoftcap, class T>
__device__ __forceinline__ void row_state(const Slice<T>& slice, const RowPass& pass, float max,
                                          bool has_action, float action_logit, lpreg_row_state* state) {
  SHARED_ARRAY(RowSums, row, 1);
  sum_part<Team, kSoftcap>(slice, pass, max, row);
  if (threadIdx.x == 0) {
    row->part.action_logit = action_logit;
    finish_part(pass, has_action, row, state);
  }
  __syncthreads();  // between thread 0's state and rule and everyone's reads
  const bool filtered = pass.row.filter_kind != LPREG_FILTER_NONE;
  if (!filtered || (state->flags & LPREG_ROW_NON_FINITE)) return;
  if (pass.row.filter_kind == LPREG_FILTER_FIXED) sum_kept<Team, kSoftcap>(slice, pass, max, row);
  if (threadIdx.x == 0) finish_kept(pass, has_action, row, state);
  __syncthreads();  // between thread 0's state and everyone's reads
}

}  // namespace lpreg::cuda
