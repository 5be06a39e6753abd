// The operations of device_engine.h over host memory: per-row arrays are copied to the device once, logits
// and gradient pass through staging memory. A call returns when its results lie in place.
#pragma once

#include "../loss.h"
#include "../token_stats.h"
#include "host_tensor_memory.h"

namespace lpreg {

inline bool is_over_host_memory(const lpreg_call* call) { return call != nullptr && call->host_memory != 0; }

class HostTensorCalls {
 public:
  // `staging_bytes` as in lpreg_context_options. All functions want the device to be current.
  HostTensorCalls(const cuda::DeviceFacts& facts, int64_t staging_bytes)
      : facts_(facts), memory_(staging_bytes) {}

  void clear() { memory_.clear(); }

  void loss_forward(const LossCall& call, const lpreg_token_outputs* outputs, lpreg_loss_result* result);
  void loss_backward(const LossCall& call, const lpreg_scalar& grad_output, const lpreg_matrix& gradient);
  void loss_forward_backward(const LossCall& call, const lpreg_scalar& grad_output,
                             const lpreg_matrix& gradient, const lpreg_token_outputs* outputs,
                             lpreg_loss_result* result);
  void objective(const LossCall& call, const lpreg_token_outputs& tokens, const lpreg_token_outputs* outputs,
                 lpreg_loss_result* result);
  void token_stats(const RowCall& call, int32_t non_finite, lpreg_row_state* states,
                   lpreg_row_state* proxy_states, const lpreg_token_outputs* outputs);
  void token_stats_backward(const RowCall& call, const lpreg_row_state* states,
                            const lpreg_row_state* proxy_states, const RowCotangents& cotangents,
                            const lpreg_matrix& gradient);
  int64_t snapshot_size(const RowCall& call, lpreg_row_state* states);
  void snapshot_write(const RowCall& call, lpreg_row_state* states, const lpreg_snapshot& snapshot);

 private:
  const cuda::DeviceFacts& facts_;
  HostTensorMemory memory_;
};

}  // namespace lpreg
