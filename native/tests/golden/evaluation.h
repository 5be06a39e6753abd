// One batch evaluated through the C ABI's function table.
#pragma once

#include <map>
#include <string>

#include "batch_case.h"
#include "include/lpreg.h"
#include "tensor_memory.h"

namespace lpreg::golden {

enum class Path {
  kForwardBackward,  // one call, out of place
  kInPlace,          // one call, the gradient over the logits
  kTwoCalls,         // loss_forward, then loss_backward
  kShards            // split statistics, objective, row_gradient; where has_shards holds
};

// Loss, gradient and the per-token fields that apply, by the names of the vectors without "exp.". The
// gradient has the logits' dtype. Throws std::runtime_error with the library's own words. `call` goes with
// every call and may be NULL.
using Results = std::map<std::string, FileTensor>;
Results evaluate(const lpreg_api& api, lpreg_context* context, const BatchCase& batch, Path path,
                 TensorMemory* memory, const lpreg_call* call = nullptr);

// Throws when the back end is not to be had.
lpreg_context* create_context(const lpreg_api& api, lpreg_backend backend, int64_t staging_bytes = 0);

}  // namespace lpreg::golden
