// The kernels over whole rows: statistics (one read), gradient (one read, one write), and both at once with
// the objective in between (one read, one write). A row belongs to a team of threads; where shared memory
// holds it, the sweeps after the first read it from there.
#pragma once

#include "gradient.cuh"
#include "rows.h"

namespace lpreg::cuda {

// Copies a slice to the start of a shared buffer, and takes its maximum on the way.
template <class T>
struct StageAndMaximum {
  T* copy;
  bool aligned;  // a pack of the slice is one of the buffer
  MaximumOf maximum;

  template <int W>
  __device__ __forceinline__ void step(const float (&z)[W], int offset, int count) {
    maximum.step(z, offset, count);
    T elements[W];
    LPREG_UNROLL
    for (int i = 0; i < W; ++i) elements[i] = narrow<T>(z[i]);  // exact: z came from T
    if (aligned && count == W) {
      Pack16 pack;
      memcpy(&pack, elements, 16);
      store16_shared(copy + offset, pack);
      return;
    }
    LPREG_UNROLL
    for (int i = 0; i < W; ++i) {
      if (i < count) copy[offset + i] = elements[i];
    }
  }
  __device__ __forceinline__ void flush() {}
};

// The stretch of a row that this block of the team works on.
template <class Team, class T>
__device__ __forceinline__ Slice<T> slice_of(const T* row, int vocab) {
  const auto begin = [vocab](uint32_t rank) {
    return static_cast<int>(static_cast<int64_t>(vocab) * rank / Team::size());
  };
  const int first = begin(Team::rank());
  return {row + first, first, begin(Team::rank() + 1) - first};
}

template <class Team, class T>
__device__ __forceinline__ float load_row(bool staged, Slice<T>* slice) {
  if (!staged) return row_maximum<Team>(*slice);
  DYN_SHARED(T, buffer);
  StageAndMaximum<T> body{buffer, reinterpret_cast<uintptr_t>(slice->data) % 16 == 0, {}};
  sweep_aligned(*slice, slice->data, body);
  slice->data = buffer;
  // The reduction's barriers also lie between these writes and the next sweep's reads by other threads.
  return Team::reduce(body.maximum.max).v + 0.0f;
}

// The sampled token's column, -1 where there is none or another shard has it. One out of range was found
// before; here it must do no harm.
__device__ __forceinline__ int64_t action_or_none(const RowPass& pass, int64_t row) {
  if (pass.batch.actions == nullptr) return -1;
  const int64_t action = core::action_of(pass.batch, row) - pass.vocab_start;
  return action >= 0 && action < pass.batch.vocab ? action : -1;
}

template <class T>
__device__ __forceinline__ const T* row_of(const RowPass& pass, int64_t row) {
  return static_cast<const T*>(pass.batch.logits.data) + core::row_offset(pass.batch, pass.batch.logits, row);
}

__device__ __forceinline__ void report(const RowPass& pass, Check check, int64_t index) {
  atomic_min(&pass.status->first, finding(check, index));
}

// Statistics of a row, its logits left in `slice`, the action's logit in `action_logit`.
template <class Team, bool kSoftcap, class T>
__device__ void read_row(const RowPass& pass, bool staged, int64_t row, Slice<T>* slice, float* action_logit,
                         lpreg_row_state* state) {
  const T* data = row_of<T>(pass, row);
  const int64_t action = action_or_none(pass, row);
  *action_logit = action < 0 ? kMinusInfinity : widen(load_element(data + action));
  *slice = slice_of<Team>(data, static_cast<int>(pass.batch.vocab));
  const float max = load_row<Team>(staged, slice);
  row_state<Team, kSoftcap>(*slice, pass, max, action >= 0, *action_logit, state);
  if (threadIdx.x == 0) {
    if (pass.of_current_policy && state->log_prob == -core::kInfinity) *state = core::non_finite_state();
    const bool stored = pass.row.proxy == LPREG_PROXY_STORED && pass.batch.proxy_log_probs != nullptr;
    if (stored && !core::has_non_finite_logits(*state))
      state->proxy_log_prob = pass.batch.proxy_log_probs[row];
  }
  __syncthreads();  // between thread 0's state and everyone's reads
}

// ------------------------------------------------------------------------------------------------ kernels

template <class Team, bool kSoftcap, class T>
__device__ void states_body(const StatesArguments& arguments) {
  SHARED_ARRAY(lpreg_row_state, state, 1);
  const RowPass& pass = arguments.pass;
  const int64_t row = blockIdx.x / Team::size();
  const bool writes = threadIdx.x == 0 && Team::rank() == 0;
  if (!core::is_valid_row(pass.batch, row)) {
    if (writes) arguments.states[row] = core::masked_state();
    return;
  }
  Slice<T> slice;
  float action_logit;
  read_row<Team, kSoftcap>(pass, arguments.staged, row, &slice, &action_logit, state);
  if (!writes) return;
  arguments.states[row] = state[0];
  if (arguments.report_non_finite && core::has_non_finite_logits(state[0])) {
    report(pass, arguments.check, row);
  }
}

// What thread 0 decides about a row between its statistics and its gradient; out of line, see finish_part.
// Returns whether the row waits for a selection that may reach it.
__device__ __noinline__ inline bool decide_row(const FusedArguments& arguments, bool writes, int64_t row,
                                               const lpreg_row_state& state, float action_logit,
                                               GradientRow* gradient) {
  const RowPass& pass = arguments.pass;
  const core::Selection& selection = *arguments.selection;
  const bool waits = arguments.deferred != nullptr &&
                     core::may_be_selected(arguments.options, pass.batch, selection, row, state);
  if (writes) {
    arguments.states[row] = state;
    if (arguments.deferred != nullptr) arguments.deferred[row] = waits;
    if (row == 0) pass.status->written = 1;
    if (arguments.report_non_finite && core::has_non_finite_logits(state)) report(pass, Check::kLogits, row);
  }
  if (waits) return true;
  const core::RowResult result = core::evaluate_row(arguments.options, pass.batch, selection, row, state);
  if (writes) {
    arguments.results[row] = result;
    core::write_row(arguments.coefficients, arguments.outputs, pass.row, selection, row, state, result);
  }
  const core::RowCoefficients c =
      core::scaled(result.token.coefficients, core::scalar_value(arguments.grad_output, 1));
  make_gradient_row(pass, state, c.log_prob, c.entropy, c.kl, action_or_none(pass, row), action_logit,
                    gradient);
  return false;
}

template <class Team, class T>
__device__ void fused_body(const FusedArguments& arguments) {
  SHARED_ARRAY(lpreg_row_state, state, 1);
  SHARED_ARRAY(GradientRow, gradient, 1);
  SHARED_ARRAY(uint32_t, deferred, 1);
  const RowPass& pass = arguments.pass;
  const int64_t row = blockIdx.x / Team::size();
  Slice<T> slice = slice_of<Team>(row_of<T>(pass, row), static_cast<int>(pass.batch.vocab));
  T* out = static_cast<T*>(arguments.gradient.data) + core::row_offset(pass.batch, arguments.gradient, row) +
           slice.first;
  float action_logit = kMinusInfinity;
  if (core::is_valid_row(pass.batch, row)) {
    read_row<Team, false>(pass, arguments.staged, row, &slice, &action_logit, state);
  } else {
    if (threadIdx.x == 0) state[0] = core::masked_state();
    __syncthreads();  // between thread 0's state and everyone's reads
  }
  if (threadIdx.x == 0) {
    deferred[0] = decide_row(arguments, Team::rank() == 0, row, state[0], action_logit, gradient);
  }
  // Between thread 0's decision and everyone's reads. In place, also between every block's read of the row
  // (the action's logit too) and the first write to it.
  Team::sync();
  if (deferred[0] != 0) return;
  write_gradient<false, false>(slice, pass, gradient[0], nullptr, out);
}

// The proxy that a regularised row is pulled to.
__device__ inline OldProxy old_proxy(const GradientArguments& arguments, int64_t row) {
  OldProxy old{};
  const lpreg_batch& batch = arguments.pass.batch;
  if (arguments.pass.row.proxy == LPREG_PROXY_OLD) {
    old.row = element_address(batch.old_logits, core::row_offset(batch, batch.old_logits, row));
    old.dtype = batch.old_logits.dtype;
    old.state = arguments.proxy_states[row];
  } else if (arguments.pass.row.proxy == LPREG_PROXY_SNAPSHOT) {
    const EntryRange range = entries_of(arguments.snapshot, row);
    old.ids = arguments.snapshot.ids + range.begin;
    old.log_q = arguments.snapshot.log_q + range.begin;
    old.entries = range.end - range.begin;
  }
  return old;
}

template <bool kSoftcap, class T, class Out>
__device__ void gradient_body(const GradientArguments& arguments) {
  SHARED_ARRAY(GradientRow, gradient, 1);
  SHARED_ARRAY(OldProxy, old, 1);
  const RowPass& pass = arguments.pass;
  const int64_t row = blockIdx.x;
  // After a finding the gradient stays as it was.
  if (pass.status->first != kNothingFound) return;
  if (arguments.only != nullptr && arguments.only[row] == 0) return;
  const T* data = row_of<T>(pass, row);
  Out* out =
      static_cast<Out*>(arguments.gradient.data) + core::row_offset(pass.batch, arguments.gradient, row);
  if (threadIdx.x == 0) {
    if (row == 0) pass.status->written = 1;
    gradient[0].kind = GradientRow::kZero;
    gradient[0].proxy_scale = 0;
    if (core::is_valid_row(pass.batch, row)) {
      const auto at = [row](const float* array) {
        return array == nullptr ? 0.0 : static_cast<double>(array[row]);
      };
      const double scale = core::scalar_value(arguments.grad_output, 1);
      const int64_t action = action_or_none(pass, row);
      make_gradient_row(pass, arguments.states[row], scale * at(arguments.coefficient_log_prob),
                        scale * at(arguments.coefficient_entropy), scale * at(arguments.coefficient_kl),
                        action, action < 0 ? 0.0f : widen(load_element(data + action)), gradient);
      if (gradient[0].proxy_scale != 0) old[0] = old_proxy(arguments, row);
    }
  }
  __syncthreads();  // between thread 0's row, its read of the action's logit, and everyone's reads and writes
  const Slice<T> slice{data, 0, static_cast<int>(pass.batch.vocab)};
  write_gradient<kSoftcap, true>(slice, pass, gradient[0], old, out);
}

// At least two blocks per multiprocessor where the registers allow it without spills.
template <class T, bool kSoftcap>
__global__ void __launch_bounds__(kRowThreads, kSoftcap ? 1 : 2)
    states_kernel(const __grid_constant__ StatesArguments arguments) {
  states_body<BlockTeam, kSoftcap, T>(arguments);
}
template <class T, bool kSoftcap>
__global__ void __launch_bounds__(kRowThreads, kSoftcap ? 1 : 2)
    states_cluster_kernel(const __grid_constant__ StatesArguments arguments) {
#if LPREG_HAS_CLUSTERS
  states_body<ClusterTeam, kSoftcap, T>(arguments);
#endif
}
template <class T>
__global__ void __launch_bounds__(kRowThreads, 1)
    fused_kernel(const __grid_constant__ FusedArguments arguments) {
  fused_body<BlockTeam, T>(arguments);
}
template <class T>
__global__ void __launch_bounds__(kRowThreads, 1)
    fused_cluster_kernel(const __grid_constant__ FusedArguments arguments) {
#if LPREG_HAS_CLUSTERS
  fused_body<ClusterTeam, T>(arguments);
#endif
}
template <class T, class Out, bool kSoftcap>
__global__ void __launch_bounds__(kRowThreads, kSoftcap ? 1 : 2)
    gradient_kernel(const __grid_constant__ GradientArguments arguments) {
  gradient_body<kSoftcap, T, Out>(arguments);
}

// ----------------------------------------------------------------------------------------------- launchers

template <class T>
int launch_states_of(const LaunchShape& shape, const StatesArguments& arguments, void* stream) {
  const bool clusters = shape.cluster > 1;
  if (arguments.pass.row.softcap != 0) {
    return launch(clusters ? states_cluster_kernel<T, true> : states_kernel<T, true>, shape, stream,
                  arguments);
  }
  return launch(clusters ? states_cluster_kernel<T, false> : states_kernel<T, false>, shape, stream,
                arguments);
}

template <class T>
int launch_fused_of(const LaunchShape& shape, const FusedArguments& arguments, void* stream) {
  return launch(shape.cluster > 1 ? fused_cluster_kernel<T> : fused_kernel<T>, shape, stream, arguments);
}

template <class T, class Out>
int launch_gradient_to(const LaunchShape& shape, const GradientArguments& arguments, void* stream) {
  const bool capped = arguments.pass.row.softcap != 0;
  return launch(capped ? gradient_kernel<T, Out, true> : gradient_kernel<T, Out, false>, shape, stream,
                arguments);
}
template <class T>
int launch_gradient_of(const LaunchShape& shape, const GradientArguments& arguments, void* stream) {
  switch (arguments.gradient.dtype) {
    case LPREG_FLOAT16:
      return launch_gradient_to<T, Float16>(shape, arguments, stream);
    case LPREG_BFLOAT16:
      return launch_gradient_to<T, BFloat16>(shape, arguments, stream);
    default:
      return launch_gradient_to<T, float>(shape, arguments, stream);
  }
}

}  // namespace lpreg::cuda
