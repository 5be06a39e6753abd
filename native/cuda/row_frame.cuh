// What a kernel over rows does before its sums and after them, whatever it sums with.
#pragma once

#include "platform.cuh"
#include "rows.h"

namespace lpreg::cuda {

// The sampled token's column, -1 where there is none or another shard has it. One out of range was found
// before; here it must do no harm.
__device__ __forceinline__ int64_t action_or_none(const RowPass& pass, int64_t row) {
  if (pass.batch.actions == nullptr) return -1;
  const int64_t action = core::action_of(pass.batch, row) - pass.vocab_start;
  return action >= 0 && action < pass.batch.vocab ? action : -1;
}

__device__ __forceinline__ void report(const RowPass& pass, Check check, int64_t index) {
  atomic_min(&pass.status->first, finding(check, index));
}

// What a row's state is told beside its sums; by one thread.
__device__ __forceinline__ void end_state(const RowPass& pass, int64_t row, lpreg_row_state* state) {
  if (pass.of_current_policy && state->log_prob == -core::kInfinity) *state = core::non_finite_state();
  const bool stored = pass.row.proxy == LPREG_PROXY_STORED && pass.batch.proxy_log_probs != nullptr;
  if (stored && !core::has_non_finite_logits(*state)) state->proxy_log_prob = pass.batch.proxy_log_probs[row];
}

// By one thread for the whole row.
__device__ __forceinline__ void write_state(const StatesArguments& arguments, int64_t row,
                                            const lpreg_row_state& state) {
  arguments.states[row] = state;
  if (arguments.report_non_finite && core::has_non_finite_logits(state)) {
    report(arguments.pass, arguments.check, row);
  }
}

}  // namespace lpreg::cuda
