// What a CUDA context runs its calls on: the same operations as the CPU's functions, over device memory.
#pragma once

#include <memory>

#include "loss.h"
#include "shards.h"

namespace lpreg {

class DeviceEngine {
 public:
  virtual ~DeviceEngine() = default;

  virtual int device() const = 0;
  // Waits for the stream; throws the kernels' first finding.
  virtual void synchronize(void* stream) = 0;

  virtual size_t workspace_size(const lpreg_loss_options& options, const lpreg_batch& batch) = 0;
  virtual void loss_forward(const LossCall& call, const lpreg_token_outputs* outputs,
                            lpreg_loss_result* result) = 0;
  virtual void loss_backward(const LossCall& call, const lpreg_scalar& grad_output,
                             const lpreg_matrix& gradient) = 0;
  virtual void loss_forward_backward(const LossCall& call, const lpreg_scalar& grad_output,
                                     const lpreg_matrix& gradient, const lpreg_token_outputs* outputs,
                                     lpreg_loss_result* result) = 0;
  virtual void objective(const LossCall& call, const lpreg_token_outputs& tokens,
                         const lpreg_token_outputs* outputs, lpreg_loss_result* result) = 0;
  virtual void token_stats(const RowCall& call, int32_t non_finite, lpreg_row_state* states,
                           lpreg_row_state* proxy_states, const lpreg_token_outputs* outputs) = 0;
  virtual void token_stats_backward(const RowCall& call, const lpreg_row_state* states,
                                    const lpreg_row_state* proxy_states, const RowCotangents& cotangents,
                                    const lpreg_matrix& gradient) = 0;

  virtual void row_parts(const RowCall& call, Shard shard, lpreg_row_part* parts) = 0;
  virtual void row_parts_merge(const PartsCall& call, const lpreg_row_options& options, int64_t part_count,
                               const lpreg_row_part* parts, lpreg_row_part* merged) = 0;
  virtual void row_kept(const RowCall& call, Shard shard, const lpreg_row_part* merged,
                        lpreg_row_kept* kept) = 0;
  virtual void row_kept_merge(const PartsCall& call, int64_t part_count, const lpreg_row_kept* kept,
                              lpreg_row_kept* merged) = 0;
  virtual void row_finalize(const PartsCall& call, const lpreg_row_options& options, const MergedRows& rows,
                            lpreg_row_state* states) = 0;
  virtual void row_gradient(const RowCall& call, Shard shard, const lpreg_row_state* states,
                            const RowCotangents& cotangents, const lpreg_matrix& gradient) = 0;

  virtual void snapshot_size(const RowCall& call, lpreg_row_state* states, int64_t* entries) = 0;
  virtual void snapshot_write(const RowCall& call, lpreg_row_state* states, lpreg_snapshot* snapshot) = 0;
};

// Throws LPREG_ERR_BACKEND_UNAVAILABLE where the device cannot be used.
std::unique_ptr<DeviceEngine> make_device_engine(int device, int64_t staging_bytes);

}  // namespace lpreg
