// The passes of one call over device memory, in stream order; each only starts work.
#pragma once

#include "../../cuda/objective.h"
#include "../../cuda/rows.h"
#include "../loss.h"
#include "../token_stats.h"
#include "device_errors.h"
#include "row_source.h"

namespace lpreg {

constexpr lpreg_scalar kNoScalar{LPREG_ABSENT, 0, nullptr};

struct DeviceStream {
  const cuda::DeviceFacts& facts;
  cuda::StatusWord* status;
  void* stream;
};

// Snapshot struct of a batch by value; zeros where there is none.
inline lpreg_snapshot snapshot_of(const lpreg_batch& batch) {
  return batch.proxy_snapshot == nullptr ? lpreg_snapshot{} : *batch.proxy_snapshot;
}

inline cuda::InputArguments input_arguments(const DeviceStream& on, const lpreg_batch& batch) {
  cuda::InputArguments arguments{};
  arguments.batch = batch;
  arguments.snapshot = snapshot_of(batch);
  arguments.status = on.status;
  arguments.vocab_total = batch.vocab;
  return arguments;
}

// Of the per-token operation.
inline cuda::InputArguments row_input_arguments(const DeviceStream& on, const lpreg_batch& batch,
                                                const RowCotangents& cotangents) {
  cuda::InputArguments arguments = input_arguments(on, batch);
  arguments.checks_actions = true;
  arguments.cotangent_log_prob = cotangents.log_prob;
  arguments.cotangent_entropy = cotangents.entropy;
  arguments.cotangent_kl = cotangents.kl;
  return arguments;
}

// Which rows need KL(q||p) to a proxy of another policy.
struct KlWanted {
  bool everywhere, where_negative;
};

// States of all rows with their proxy, from wherever the options say.
void run_statistics(const DeviceStream& on, RowSource* rows, const lpreg_row_options& options,
                    const lpreg_batch& batch, KlWanted kl, bool report_non_finite, lpreg_row_state* states,
                    lpreg_row_state* proxy_states);

// The per-token operation's forward part.
void run_token_stats(const DeviceStream& on, RowSource* rows, const lpreg_row_options& options,
                     const lpreg_batch& batch, int32_t non_finite, lpreg_row_state* states,
                     lpreg_row_state* proxy_states, const lpreg_token_outputs* outputs);

// The pass over the current rows of a call.
cuda::RowPass current_pass(const DeviceStream& on, const lpreg_row_options& options,
                           const lpreg_batch& batch);

// The part of a pass that a chunk holds.
cuda::RowPass over(cuda::RowPass pass, const RowChunk& chunk);

struct GradientInputs {
  const lpreg_row_state* states;
  const lpreg_row_state* proxy_states;
  RowCotangents coefficients;
  lpreg_scalar grad_output;
  const uint8_t* only;
};
void run_gradient(const DeviceStream& on, RowSource* rows, const cuda::RowPass& pass,
                  const GradientInputs& inputs);

}  // namespace lpreg
