// The gradient of a row: one load, one exp, one store per element; in place or not.
#pragma once

#include "row_state.cuh"

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
//   g = 2^y * ((d >= cut ? kept : dropped) + slope * y) + constant - proxy_scale * q
struct GradientRow {
  enum Kind : int32_t { kZero, kNaN, kPlain, kFull };  // kPlain: 2^y * kept is all there is
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
  if (core::has_non_finite_logits(state) || sum != sum) return;
  const core::RowGradient g = core::row_gradient(pass.row, state, c, pass.vocab_total);
  row->action = -1;
  row->max = state.max;
  row->cut = state.cut;
  row->kept = static_cast<float>(g.kept);
  row->dropped = static_cast<float>(g.dropped);
  row->slope = static_cast<float>(g.slope / static_cast<double>(pass.scale.per_unit));
  row->constant = static_cast<float>(g.constant);
  row->proxy_scale = static_cast<float>(g.proxy_scale);
  const bool plain = row->kept == row->dropped && row->slope == 0 && row->constant == 0;
  row->kind = plain ? GradientRow::kPlain : GradientRow::kFull;
  if (action < 0 || action >= pass.batch.vocab) return;
  row->action = static_cast<int32_t>(action);
  row->action_element =
      static_cast<float>(core::action_gradient(pass.row, state, c, action_logit, pass.vocab_total));
}

__device__ __forceinline__ float full_gradient(const GradientRow& row, float d, const ExpScale& scale) {
  const float y = exponent(d, scale);
  const float factor = d >= row.cut ? row.kept : row.dropped;
  return fmaf(fast_exp2(y), fmaf(row.slope, y, factor), row.constant);
}

template <class T>
struct GradientOf {
  const GradientRow row;
  const ExpScale scale;
  const float base;
  const int first, count;  // of the slice in the row
  T* const out;            // of the slice

  __device__ __forceinline__ void step(const Chunk<T>& chunk) {
    float g[kHeld];
    chunk.values(g);
    if (row.kind == GradientRow::kPlain) {
      LPREG_UNROLL
      for (int i = 0; i < kHeld; ++i) g[i] = fast_exp2((g[i] - base) * scale.per_unit) * row.kept;
    } else {
      LPREG_UNROLL
      for (int i = 0; i < kHeld; ++i) g[i] = full_gradient(row, g[i] - base, scale);
    }
    LPREG_UNROLL
    for (int u = 0; u < kUnroll<T>; ++u) {
      const int begin = chunk.first + u * chunk.stride;
      float(&of_pack)[kPack<T>] = *reinterpret_cast<float(*)[kPack<T>]>(g + u * kPack<T>);
      const int place = row.action - first - begin;
      if (place >= 0 && place < kPack<T>) {
        LPREG_UNROLL
        for (int i = 0; i < kPack<T>; ++i) of_pack[i] = i == place ? row.action_element : of_pack[i];
      }
      store_pack(out, begin, count, of_pack);
    }
  }
};

// A row's part of the gradient, in any dtype.
struct GradientSlice {
  void* data;
  int32_t dtype;
};

template <class T>
__device__ __forceinline__ void fill(T* out, int count, float value) {
  constexpr int W = kPack<T>;
  float values[W];
  LPREG_UNROLL
  for (int i = 0; i < W; ++i) values[i] = value;
  const int head = elements_before_boundary(out, count);
  const int stride = static_cast<int>(blockDim.x) * W;
  for (int begin = (head == 0 ? 0 : head - W) + static_cast<int>(threadIdx.x) * W; begin < count;
       begin += stride) {
    store_pack(out, begin, count, values);
  }
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

// q of a token under another policy, as far as it is a proxy.
class ProxyRow {
 public:
  __device__ __forceinline__ ProxyRow(const RowPass& pass, const OldProxy* old)
      : old_(old),
        scale_(pass.scale),
        distance_(old == nullptr ? 0 : old->state.max, pass),
        q_per_e_(old == nullptr || old->row == nullptr
                     ? 0.0f
                     : static_cast<float>(exp(-old->state.log_sum_exp - old->state.log_kept_mass))) {}

  __device__ __forceinline__ float at(int token) const {
    if (old_->row != nullptr) {
      const float d = distance_.at(load_any(old_->row, old_->dtype, token));
      return d >= old_->state.cut ? fast_exp(d, scale_) * q_per_e_ : 0.0f;
    }
    const int64_t k = first_entry(old_->ids, old_->entries, token);
    return k < old_->entries && old_->ids[k] == token ? expf(old_->log_q[k]) : 0.0f;
  }

 private:
  const OldProxy* old_;
  const ExpScale scale_;
  const Distance distance_;
  const float q_per_e_;
};

// One element at a time, out of line: softcap, a proxy of another policy, a gradient of another dtype. `old`
// is read where row.proxy_scale is not 0.
template <class T>
__device__ __noinline__ void write_each(const T* data, int first, int count, const RowPass& pass,
                                        const GradientRow& row, const OldProxy* old, void* out_data,
                                        int32_t out_dtype) {
  const Slice<T> slice{data, first, count};
  const GradientSlice out{out_data, out_dtype};
  if (row.kind == GradientRow::kZero || row.kind == GradientRow::kNaN) {
    const float value = row.kind == GradientRow::kZero ? 0.0f : static_cast<float>(NAN);
    for (int i = static_cast<int>(threadIdx.x); i < slice.count; i += static_cast<int>(blockDim.x)) {
      store_any(out.data, out.dtype, i, value);
    }
    return;
  }
  const Distance distance(row.max, pass);
  const bool pulled = row.proxy_scale != 0;
  const ProxyRow proxy(pass, pulled ? old : nullptr);
  each_element(slice, [&](T element, int i) {
    const float z = widen(element);
    float g = full_gradient(row, distance.at(z), pass.scale);
    if (pulled) g = fmaf(-row.proxy_scale, proxy.at(slice.first + i), g);
    g = distance.scaled_by_derivative(z, g);
    store_any(out.data, out.dtype, i, slice.first + i == row.action ? row.action_element : g);
  });
}

// Writes the slice's part of the gradient row.
template <class T>
__device__ __forceinline__ void write_gradient(const Slice<T>& slice, const RowPass& pass,
                                               const GradientRow& row, const OldProxy* old,
                                               const GradientSlice& out) {
  if (out.dtype != kDtype<T> || pass.row.softcap != 0 || row.proxy_scale != 0) {
    return write_each(slice.data, slice.first, slice.count, pass, row, old, out.data, out.dtype);
  }
  T* const data = static_cast<T*>(out.data);
  if (row.kind == GradientRow::kZero) return fill(data, slice.count, 0.0f);
  if (row.kind == GradientRow::kNaN) return fill(data, slice.count, static_cast<float>(NAN));
  GradientOf<T> body{row, pass.scale, finite_maximum(row.max), slice.first, slice.count, data};
  sweep_aligned(slice, data, body);
}

}  // namespace lpreg::cuda
