// The kernels over whole rows: gradient (one read, one write), and statistics, objective and gradient at once
// (one read, one write) or the statistics alone (one read). A row belongs to a team of threads; where shared
// memory holds it, the sweeps after the first read it from there.
#pragma once

#include "gradient.cuh"
#include "row_frame.cuh"

namespace lpreg::cuda {

// The stretch of a row that this block of the team works on.
template <class T>
__device__ __forceinline__ Slice<T> slice_of(const T* row, int vocab) {
  const auto begin = [vocab](uint32_t rank) {
    return static_cast<int>(static_cast<int64_t>(vocab) * rank / cluster_size());
  };
  const int first = begin(cluster_rank());
  return {row + first, first, begin(cluster_rank() + 1) - first};
}

__device__ __forceinline__ GradientSlice gradient_slice(const RowPass& pass, const lpreg_matrix& gradient,
                                                        int64_t row, int first) {
  const int64_t offset = core::row_offset(pass.batch, gradient, row) + first;
  return {const_cast<void*>(element_address(gradient, offset)), gradient.dtype};
}

template <class T>
__device__ __forceinline__ const T* row_of(const RowPass& pass, int64_t row) {
  return static_cast<const T*>(pass.batch.logits.data) + core::row_offset(pass.batch, pass.batch.logits, row);
}

// State and action of a row in shared memory, where thread 0 alone reads them.
template <class T>
__device__ __forceinline__ void read_row(const RowPass& pass, bool holds_row, int64_t row, RowAction* action,
                                         lpreg_row_state* state) {
  const T* data = row_of<T>(pass, row);
  if (threadIdx.x == 0) {
    const int64_t column = action_or_none(pass, row);
    *action = {column < 0 ? kMinusInfinity : widen(load_element(data + column)), column >= 0};
  }
  const Slice<T> slice = slice_of(data, static_cast<int>(pass.batch.vocab));
  row_state(pass, row_memory<T>(holds_row), slice, action, state);
  if (threadIdx.x == 0) end_state(pass, row, state);
}

// ------------------------------------------------------------------------------------------------ kernels

// What thread 0 decides about a row between its statistics and its gradient; out of line, see finish_part.
// Returns whether the row waits for a selection that may reach it.
__device__ __noinline__ inline bool decide_row(const FusedArguments& arguments, bool writes, int64_t row,
                                               const lpreg_row_state& state, float action_logit,
                                               GradientRow* gradient) {
  const RowPass& pass = arguments.statistics.pass;
  const core::Selection& selection = *arguments.selection;
  const bool waits = arguments.deferred != nullptr &&
                     core::may_be_selected(arguments.options, pass.batch, selection, row, state);
  if (writes) {
    write_state(arguments.statistics, row, state);
    if (arguments.deferred != nullptr) arguments.deferred[row] = waits;
    if (row == pass.first_row) pass.status->written = 1;
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

template <class T>
__device__ __forceinline__ void fused_body(const FusedArguments& arguments) {
  SHARED_ARRAY(lpreg_row_state, state, 1);
  SHARED_ARRAY(GradientRow, gradient, 1);
  SHARED_ARRAY(RowAction, action, 1);
  SHARED_ARRAY(uint32_t, deferred, 1);
  const RowPass& pass = arguments.statistics.pass;
  const bool holds_row = arguments.statistics.holds_row;
  const int64_t row = (pass.first_block + blockIdx.x) / cluster_size();
  if (core::is_valid_row(pass.batch, row)) {
    read_row<T>(pass, holds_row, row, action, state);
  } else if (threadIdx.x == 0) {
    action[0] = {kMinusInfinity, false};
    state[0] = core::masked_state();
  }
  const bool writes = cluster_rank() == 0;
  if (arguments.statistics_only) {
    if (threadIdx.x == 0 && writes) write_state(arguments.statistics, row, state[0]);
    return;
  }
  if (threadIdx.x == 0) {
    deferred[0] = decide_row(arguments, writes, row, state[0], action[0].logit, gradient);
  }
  // Between thread 0's decision and everyone's reads. In place, also between every block's read of the row
  // (the action's logit too) and the first write to it.
  team_sync();
  if (deferred[0] != 0) return;
  Slice<T> slice = slice_of(row_of<T>(pass, row), static_cast<int>(pass.batch.vocab));
  if (holds_row) slice.data = row_memory<T>(true).row;
  write_gradient(slice, pass, gradient[0], nullptr,
                 gradient_slice(pass, arguments.gradient, row, slice.first));
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

template <class T>
__device__ __forceinline__ void gradient_body(const GradientArguments& arguments) {
  SHARED_ARRAY(GradientRow, gradient, 1);
  SHARED_ARRAY(OldProxy, old, 1);
  const RowPass& pass = arguments.pass;
  const int64_t row = pass.first_row + blockIdx.x;
  // After a finding the gradient stays as it was.
  if (pass.status->first != kNothingFound) return;
  if (arguments.only != nullptr && arguments.only[row] == 0) return;
  const T* data = row_of<T>(pass, row);
  const GradientSlice out = gradient_slice(pass, arguments.gradient, row, 0);
  if (threadIdx.x == 0) {
    if (row == pass.first_row) pass.status->written = 1;
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
  write_gradient(slice, pass, gradient[0], old, out);
}

// Blocks per multiprocessor that the compiler leaves registers for. From 10.0 on the kernels need a few more
// than two blocks have.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 1000
constexpr int kRowBlocks = 1;
#else
constexpr int kRowBlocks = 2;
#endif

template <class T>
__global__ void __launch_bounds__(kRowThreads, kRowBlocks)
    fused_kernel(const __grid_constant__ FusedArguments arguments) {
  fused_body<T>(arguments);
}
template <class T>
__global__ void __launch_bounds__(kRowThreads, kRowBlocks)
    gradient_kernel(const __grid_constant__ GradientArguments arguments) {
  gradient_body<T>(arguments);
}

}  // namespace lpreg::cuda
