// Joins the states of the current rows with the proxy of another policy: its old logits, or a snapshot. One
// block per row; KL(q||p) costs a pass over the proxy's row and is computed only where it is wanted.
#include "distance.cuh"
#include "objective.h"
#include "reduce.cuh"

namespace lpreg::cuda {

namespace {

__device__ double not_negative(double value) { return value < 0 ? 0 : value; }  // NaN passes

struct CurrentRow {
  const void* data;
  int32_t dtype;

  __device__ float at(int64_t token) const { return load_any(data, dtype, token); }
};

// KL of the uniform proxy: -log V - mean log p; infinite when a token has no probability.
__device__ double kl_of_uniform(const RowPass& pass, const CurrentRow& current,
                                const lpreg_row_state& state) {
  const Distance distance(state.max, pass);
  Sums<2> sums = Sums<2>::none();
  for (int64_t v = threadIdx.x; v < pass.batch.vocab; v += blockDim.x) {
    const float d = distance.at(current.at(v));
    if (d > kMinusInfinity) sums.join({{1, d}});
  }
  sums = block_reduce(sums);
  const double vocab = static_cast<double>(pass.batch.vocab);
  if (sums.v[0] < vocab) return core::kInfinity;
  return not_negative(-log(vocab) - (sums.v[1] / pass.row.temperature / vocab - state.log_sum_exp));
}

// Sum over the old row's kept set of q (log q - log p).
__device__ double kl_of_old(const RowPass& pass, const CurrentRow& current, int64_t row,
                            const lpreg_row_state& state, const lpreg_row_state& proxy) {
  const lpreg_matrix& matrix = pass.batch.old_logits;
  const void* old = element_address(matrix, core::row_offset(pass.batch, matrix, row));
  const Distance current_distance(state.max, pass);
  const Distance old_distance(proxy.max, pass);
  Sums<2> sums = Sums<2>::none();  // lost tokens, e_old (d_old - d_current)
  for (int64_t v = threadIdx.x; v < pass.batch.vocab; v += blockDim.x) {
    const float old_d = old_distance.at(load_any(old, matrix.dtype, v));
    if (!(old_d >= proxy.cut)) continue;
    const float current_d = current_distance.at(current.at(v));
    if (current_d == kMinusInfinity) {
      sums.v[0] += 1;
      continue;
    }
    const float e = fast_exp(old_d, pass.scale);
    sums.v[1] += static_cast<double>(e * (old_d - current_d));
  }
  sums = block_reduce(sums);
  if (sums.v[0] > 0) return core::kInfinity;
  const double log_mass = proxy.log_sum_exp + proxy.log_kept_mass;
  const double cross = sums.v[1] / pass.row.temperature;
  return not_negative(cross * exp(-log_mass) + state.log_sum_exp - log_mass);
}

__device__ double kl_of_snapshot(const ProxyArguments& a, const CurrentRow& current, const EntryRange& range,
                                 const lpreg_row_state& state) {
  Sums<1> sum = Sums<1>::none();
  for (int64_t k = range.begin + threadIdx.x; k < range.end; k += blockDim.x) {
    const int32_t token = a.snapshot.ids[k];
    if (token < 0 || token >= a.pass.batch.vocab) continue;  // found before; here it must do no harm
    const double log_q = a.snapshot.log_q[k];
    const double log_p = core::scaled_offset(current.at(token), state.max, a.pass.row) - state.log_sum_exp;
    sum.v[0] += exp(log_q) * (log_q - log_p);
  }
  return not_negative(block_reduce(sum).v[0]);
}

// What the old policy's state says, before any KL; by thread 0.
__device__ void join_old(const lpreg_row_state& proxy, lpreg_row_state* state) {
  state->log_kept_mass = proxy.log_kept_mass;
  state->proxy_log_prob = proxy.proxy_log_prob;
  state->keep_count = proxy.keep_count;
  state->flags |= proxy.flags & (LPREG_ROW_UNIFORM | LPREG_ROW_ACTION_KEPT);
}

__device__ void join_snapshot(const ProxyArguments& a, int64_t row, const EntryRange& range,
                              lpreg_row_state* state) {
  const lpreg_batch& batch = a.pass.batch;
  state->log_kept_mass = a.snapshot.log_kept_mass[row];
  if (a.snapshot.uniform[row] != 0) {
    state->flags |= LPREG_ROW_UNIFORM | LPREG_ROW_ACTION_KEPT;
    state->keep_count = static_cast<int32_t>(batch.vocab);
    state->proxy_log_prob = -log(static_cast<double>(batch.vocab));
    return;
  }
  state->keep_count = static_cast<int32_t>(range.end - range.begin);
  state->proxy_log_prob = -core::kInfinity;
  const int64_t action = batch.actions == nullptr ? -1 : core::action_of(batch, row);
  for (int64_t low = range.begin, high = range.end; low < high;) {
    const int64_t middle = (low + high) / 2;
    if (a.snapshot.ids[middle] == action) {
      state->flags |= LPREG_ROW_ACTION_KEPT;
      state->proxy_log_prob = a.snapshot.log_q[middle];
      return;
    }
    if (a.snapshot.ids[middle] < action) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
}

}  // namespace

__global__ void __launch_bounds__(kRowThreads, 1)
    join_proxy_kernel(const __grid_constant__ ProxyArguments a) {
  SHARED_ARRAY(lpreg_row_state, state, 1);
  const RowPass& pass = a.pass;
  const int64_t row = pass.first_row + blockIdx.x;
  const bool from_old = pass.row.proxy == LPREG_PROXY_OLD;
  const EntryRange range = from_old ? EntryRange{0, 0} : entries_of(a.snapshot, row);
  if (!core::is_valid_row(pass.batch, row)) return;
  if (threadIdx.x == 0) {
    state[0] = a.states[row];
    // Without its proxy the row has no defined loss.
    const bool lost = from_old && core::has_non_finite_logits(a.proxy_states[row]);
    if (lost) state[0] = core::non_finite_state();
    if (!core::has_non_finite_logits(state[0])) {
      if (from_old) join_old(a.proxy_states[row], state);
      if (!from_old) join_snapshot(a, row, range, state);
    }
  }
  __syncthreads();  // between thread 0's state and everyone's reads
  const bool want_kl = a.want_kl || (a.want_negative && core::advantage_of(pass.batch, row) < 0);
  double kl = 0;
  if (want_kl && !core::has_non_finite_logits(state[0])) {
    const lpreg_matrix& matrix = pass.batch.logits;
    const CurrentRow current{element_address(matrix, core::row_offset(pass.batch, matrix, row)),
                             matrix.dtype};
    if (state[0].flags & LPREG_ROW_UNIFORM) {
      kl = kl_of_uniform(pass, current, state[0]);
    } else {
      kl = from_old ? kl_of_old(pass, current, row, state[0], a.proxy_states[row])
                    : kl_of_snapshot(a, current, range, state[0]);
    }
  }
  if (threadIdx.x != 0) return;
  if (!core::has_non_finite_logits(state[0])) state[0].kl = kl;
  a.states[row] = state[0];
}

int launch_join_proxy(const DeviceFacts& facts, const ProxyArguments& arguments, void* stream) {
  const lpreg_batch& batch = arguments.pass.batch;
  const LaunchShape shape = one_sweep_shape(facts, batch.rows, batch.vocab, 4);
  return launch(join_proxy_kernel, over_rows_of(arguments.pass, shape), stream, arguments);
}

}  // namespace lpreg::cuda
