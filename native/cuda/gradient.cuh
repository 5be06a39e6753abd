// The gradient of a row: one load, one exp, one store per element; in place or not, any output dtype.
#pragma once

#include "stats.cuh"

namespace lpreg::cuda {

// q of another policy: its kept row, or the entries of a snapshot.
struct OldProxy {
  const void* row;  // old logits; NULL: none
  int32_t dtype;
  lpreg_row_state state;
  const int32_t* ids;  // snapshot, [entries] ascending; NULL: none
  const float* log_q;
  int64_t entries;
};

// What a row's sweep applies to each element; made by one thread, read by all from shared memory.
struct GradientRow {
  enum Kind : int32_t { kZero, kNaN, kSweep };
  Kind kind;
  int32_t action;  // -1: none in this row
  float max, cut;
  float kept, dropped, slope, constant, proxy_scale;
  float action_element;
};

// `action_logit` is read before the sweep: in place, the sweep overwrites it. By one thread, out of line: see
// finish_part.
__device__ __noinline__ inline void make_gradient_row(const RowPass& pass, const lpreg_row_state& state,
                                                      double c_log_prob, double c_entropy, double c_kl,
                                                      int64_t action, float action_logit, GradientRow* row) {
  const core::RowCoefficients c{c_log_prob, c_entropy, c_kl};
  row->proxy_scale = 0;
  row->kind = GradientRow::kZero;
  if ((state.flags & LPREG_ROW_MASKED) || core::all_zero(c)) return;
  row->kind = GradientRow::kNaN;
  const double sum = c.log_prob + c.entropy + c.kl;
  if ((state.flags & LPREG_ROW_NON_FINITE) || sum != sum) return;
  const core::RowGradient g = core::row_gradient(pass.row, state, c, pass.vocab_total);
  row->kind = GradientRow::kSweep;
  row->action = -1;
  row->max = state.max;
  row->cut = state.cut;
  row->kept = static_cast<float>(g.kept);
  row->dropped = static_cast<float>(g.dropped);
  row->slope = static_cast<float>(g.slope);
  row->constant = static_cast<float>(g.constant);
  row->proxy_scale = static_cast<float>(g.proxy_scale);
  if (action < 0 || action >= pass.batch.vocab) return;
  row->action = static_cast<int32_t>(action);
  row->action_element =
      static_cast<float>(core::action_gradient(pass.row, state, c, action_logit, pass.vocab_total));
}

// First k in [0, entries) with ids[k] >= id.
__device__ inline int64_t first_entry(const int32_t* ids, int64_t entries, int64_t id) {
  int64_t low = 0;
  int64_t high = entries;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (ids[middle] < id) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// q of a pack of tokens. Few rows are regularised, so this may be slow.
template <bool kSoftcap>
class ProxyRow {
 public:
  __device__ ProxyRow(const RowPass& pass, const OldProxy& old)
      : old_(old),
        scale_(pass.scale),
        distance_(old.state.max, pass),
        q_per_e_(old.row == nullptr
                     ? 0.0f
                     : static_cast<float>(exp(-old.state.log_sum_exp - old.state.log_kept_mass))) {}

  template <int W>
  __device__ void at(int first, int count, float (&q)[W]) const {
    int64_t k = old_.ids == nullptr ? 0 : first_entry(old_.ids, old_.entries, first);
    for (int i = 0; i < W; ++i) {
      q[i] = 0;
      if (i >= count) continue;
      if (old_.row != nullptr) q[i] = kept(first + i);
      if (old_.ids != nullptr && k < old_.entries && old_.ids[k] == first + i) q[i] = expf(old_.log_q[k++]);
    }
  }

 private:
  __device__ float kept(int token) const {
    const float d = distance_.at(load_any(old_.row, old_.dtype, token));
    return d >= old_.state.cut ? fast_exp(at_least(d, scale_.lowest), scale_) * q_per_e_ : 0.0f;
  }

  const OldProxy& old_;
  const ExpScale scale_;
  const Distance<kSoftcap> distance_;
  const float q_per_e_;
};

template <bool kSoftcap, bool kProxy, class Out>
struct GradientOf {
  const GradientRow row;
  const ExpScale scale;
  const Distance<kSoftcap> distance;
  const ProxyRow<kSoftcap>* proxy;
  const int first;  // of the slice in the row
  Out* out;         // of the slice

  template <int W>
  __device__ __forceinline__ void step(const float (&z)[W], int offset, int count) {
    float g[W];
    LPREG_UNROLL
    for (int i = 0; i < W; ++i) {
      const float d = distance.at(z[i]);
      const float finite = at_least(d, scale.lowest);
      const float e = fast_exp(finite, scale);
      const float factor = d >= row.cut ? row.kept : row.dropped;
      g[i] = fmaf(e, fmaf(row.slope, finite, factor), row.constant);
    }
    if constexpr (kProxy) {
      float q[W];
      proxy->at(first + offset, count, q);
      LPREG_UNROLL
      for (int i = 0; i < W; ++i) g[i] = fmaf(-row.proxy_scale, q[i], g[i]);
    }
    LPREG_UNROLL
    for (int i = 0; i < W; ++i) g[i] = distance.scaled_by_derivative(z[i], g[i]);
    const int place = row.action - first - offset;
    if (place >= 0 && place < W) {
      LPREG_UNROLL
      for (int i = 0; i < W; ++i) g[i] = i == place ? row.action_element : g[i];
    }
    store_values(out + offset, g, count);
  }
  __device__ __forceinline__ void flush() {}
};

template <class Out>
__device__ void fill_row(Out* out, int count, float value) {
  constexpr int W = kPack<Out>;
  float values[W];
  LPREG_UNROLL
  for (int i = 0; i < W; ++i) values[i] = value;
  const int head = elements_before_boundary(out, count);
  const int packs = (count - head) / W;
  const int threads = static_cast<int>(blockDim.x);
  for (int k = static_cast<int>(threadIdx.x); k < packs; k += threads) {
    store_values(out + head + static_cast<int64_t>(k) * W, values, W);
  }
  if (threadIdx.x == 0) store_values(out, values, head);
  const int tail = head + packs * W;
  if (static_cast<int>(threadIdx.x) == threads - 1) store_values(out + tail, values, count - tail);
}

// Writes the slice's part of the gradient row; `out` points at the slice's first element. `old` is read where
// row.proxy_scale is not 0; without kOldProxy it never is.
template <bool kSoftcap, bool kOldProxy, class T, class Out>
__device__ __forceinline__ void write_gradient(const Slice<T>& slice, const RowPass& pass,
                                               const GradientRow& row, const OldProxy* old, Out* out) {
  if (row.kind != GradientRow::kSweep) {
    return fill_row(out, slice.count, row.kind == GradientRow::kZero ? 0.0f : static_cast<float>(NAN));
  }
  const Distance<kSoftcap> distance(row.max, pass);
  if constexpr (kOldProxy) {
    if (row.proxy_scale != 0) {
      const ProxyRow<kSoftcap> proxy(pass, *old);
      GradientOf<kSoftcap, true, Out> body{row, pass.scale, distance, &proxy, slice.first, out};
      return sweep_aligned(slice, out, body);
    }
  }
  GradientOf<kSoftcap, false, Out> body{row, pass.scale, distance, nullptr, slice.first, out};
  sweep_aligned(slice, out, body);
}

}  // namespace lpreg::cuda
