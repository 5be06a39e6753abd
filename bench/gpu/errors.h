// How far a result lies from float64.
#pragma once

#include "device_batch.h"
#include "losses.h"

namespace lpreg::bench {

struct Errors {
  double log_prob = 0;  // largest |difference| over all rows
  double gradient = 0;  // over some rows: largest |difference|, divided by the row's largest |element|
};

// Evaluates the loss once with its outputs. The log-probs are checked against float64 from the logits, the
// gradient against docs/semantics.md §2 in float64 from the logits and the coefficients that were given out;
// with bfloat16 it holds one rounding to that type. Ends the program where the gradient is not finite.
Errors measure_errors(const lpreg_api& api, lpreg_context* context, const Loss& loss,
                      const DeviceBatch& batch, const Buffer& workspace, size_t workspace_bytes,
                      const Buffer& gradient);

}  // namespace lpreg::bench
