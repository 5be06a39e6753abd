// What a thread sums over its part of a row, and the closed forms that turn a row's sums into its state.
// Maximisers are counted, not summed, as on the CPU; a thread sums 16 elements in float32, everything above
// in float64.
#pragma once

#include "distance.cuh"

namespace lpreg::cuda {

struct Total {
  float recent = 0;
  double total = 0;

  __device__ __forceinline__ void flush() {
    total += static_cast<double>(recent);
    recent = 0;
  }
};

// Sums of a thread, given the row's maximum. `moment` is that of the exponents of 2, see set_part.
struct ThreadSums {
  uint32_t maxima = 0, kept = 0;
  Total moment, kept_rest, dropped, raw_rest, linear;

  __device__ __forceinline__ void add(float z, float d, float max, float cut, const RowPass& pass, bool raw) {
    const float y = exponent(d, pass.scale);
    const float e = fast_exp2(y);
    const bool is_max = z == max;
    const bool keep = d >= cut;
    maxima += is_max;
    kept += keep;
    moment.recent = fmaf(e, y, moment.recent);
    kept_rest.recent += keep && !is_max ? e : 0.0f;
    dropped.recent += keep || is_max ? 0.0f : e;
    if (raw) raw_rest.recent += is_max ? 0.0f : fast_exp(d, pass.raw_scale);
    linear.recent += d == kMinusInfinity ? 0.0f : d;
  }
  // After 16 elements at most.
  __device__ __forceinline__ void flush() {
    moment.flush();
    kept_rest.flush();
    dropped.flush();
    raw_rest.flush();
    linear.flush();
  }
};

// A second sweep, given the maximum. Few rows need it: it holds half as much as the others, for the sake of
// its size.
template <class T>
struct SecondSweep {
  static constexpr int kHalfUnroll = kUnroll<T> / 2;

  const RowPass& pass;
  const float max, base, cut;
  const bool raw;
  ThreadSums sums;

  __device__ __forceinline__ void step(const Chunk<T, kHalfUnroll>& chunk) {
    float z[kHeld / 2];
    chunk.values(z);
    LPREG_UNROLL
    for (int i = 0; i < kHeld / 2; ++i) sums.add(z[i], z[i] - base, max, cut, pass, raw);
    sums.flush();
  }
};

// The sums of a row, in shared memory; thread 0 writes them, and thread 0 reads them.
struct RowSums {
  lpreg_row_part part;
  lpreg_row_kept kept;
  core::KeptRule rule;
};

// The closed forms, by one thread, out of line: their float64 code must not cost the sweeps any registers.
__device__ __noinline__ inline void finish_part(const RowPass& pass, bool has_action, RowSums* row,
                                                lpreg_row_state* state) {
  *state = core::finalize_part(pass.row, row->part, has_action);
  const bool filtered = pass.row.filter_kind != LPREG_FILTER_NONE;
  if (filtered && !core::has_non_finite_logits(*state)) row->rule = core::kept_rule(pass.row, row->part);
}
__device__ __noinline__ inline void finish_kept(const RowPass& pass, bool has_action, const RowSums* row,
                                                lpreg_row_state* state) {
  core::finalize_kept(pass.row, row->part, row->kept, row->rule, pass.batch.vocab, has_action, state);
}

}  // namespace lpreg::cuda
