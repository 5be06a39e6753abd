// A loss whose vocabulary is cut into shards: statistics by parts, the scalar stage from their states, and
// the gradient shard by shard.
#pragma once

#include "include/lpreg.h"
#include "tensor_memory.h"

namespace lpreg::golden {

struct ShardedLoss {
  const lpreg_api& api;
  lpreg_context* context;
  const lpreg_loss_options& options;
  const lpreg_batch& batch;
  const lpreg_token_outputs& outputs;  // what is NULL is not computed
  lpreg_loss_result* result;
  const lpreg_matrix& gradient;
  void* workspace;
  size_t workspace_bytes;
  TensorMemory* memory;
};

// Split statistics know the proxy of the current logits, or none.
inline bool has_shards(const lpreg_loss_options& options) {
  return options.row.proxy == LPREG_PROXY_NONE || options.row.proxy == LPREG_PROXY_CURRENT;
}

// Throws std::runtime_error with the library's own words.
void evaluate_by_shards(const ShardedLoss& loss);

}  // namespace lpreg::golden
