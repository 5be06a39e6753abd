// Which inputs an objective needs and which it ignores, and the scalars that the host holds. Nothing here
// looks at a value of a tensor, so it serves device batches too.
#include <cmath>

#include "../core/token_objective.h"
#include "validate.h"

namespace lpreg {
namespace {

void require_pointer(const void* pointer, const char* name) {
  if (pointer == nullptr) throw Failure{LPREG_ERR_MISSING, name, -1, "this objective needs it"};
}

void check_unused(bool used, bool present, const char* name) {
  if (!used && present) {
    throw Failure{LPREG_ERR_OPTION_WITHOUT_EFFECT, name, -1, "this objective does not use it"};
  }
}

// A scalar on the device is looked at by the kernels.
double host_value(const lpreg_scalar& scalar, double absent, const char* name, Memory memory) {
  if (scalar.kind != LPREG_DEVICE || memory == Memory::kHost) return host_scalar(scalar, absent, name);
  require_pointer(scalar.device, name);
  return absent;
}

void check_positive(const lpreg_scalar& scalar, const char* name, Memory memory) {
  const double value = host_value(scalar, 1, name, memory);
  if (!(value > 0 && std::isfinite(value))) {
    throw Failure{LPREG_ERR_OPTION, name, -1, "must be finite and greater than 0"};
  }
}

void check_given_denominators(const lpreg_loss_options& options, const lpreg_batch& batch, Memory memory) {
  const int32_t mode = options.aggregation;
  const bool by_sequence = mode == LPREG_SEQ_MEAN_TOKEN_SUM || mode == LPREG_SEQ_MEAN_TOKEN_MEAN;
  check_unused(mode == LPREG_TOKEN_MEAN, batch.token_count.kind != LPREG_ABSENT, "token_count");
  check_unused(by_sequence, batch.sequence_count.kind != LPREG_ABSENT, "sequence_count");
  check_unused(mode == LPREG_SEQ_MEAN_TOKEN_MEAN, batch.sequence_lengths != nullptr, "sequence_lengths");
  check_unused(mode == LPREG_SEQ_MEAN_TOKEN_SUM_NORM, batch.max_length.kind != LPREG_ABSENT, "max_length");
  check_positive(batch.token_count, "token_count", memory);
  check_positive(batch.sequence_count, "sequence_count", memory);
  check_positive(batch.max_length, "max_length", memory);
}

}  // namespace

double host_scalar(const lpreg_scalar& scalar, double absent, const char* name) {
  switch (scalar.kind) {
    case LPREG_ABSENT:
      return absent;
    case LPREG_HOST:
      return scalar.value;
    case LPREG_DEVICE:
      throw Failure{LPREG_ERR_BACKEND_UNAVAILABLE, name, -1, "a device scalar needs the CUDA backend"};
    default:
      throw Failure{LPREG_ERR_TYPE, name, -1, "not a scalar kind"};
  }
}

void check_row_pointers(const lpreg_row_options& options, const lpreg_batch& batch, bool needs_actions) {
  check_matrix(batch, batch.logits, "logits");
  if (needs_actions && batch.rows > 0) require_pointer(batch.actions, "actions");
  if (batch.actions != nullptr && batch.action_dtype != LPREG_INT32 && batch.action_dtype != LPREG_INT64) {
    throw Failure{LPREG_ERR_DTYPE, "actions", -1, "must be int32 or int64"};
  }
  check_unused(options.proxy == LPREG_PROXY_OLD, batch.old_logits.data != nullptr, "old_logits");
  check_unused(options.proxy == LPREG_PROXY_SNAPSHOT, batch.proxy_snapshot != nullptr, "proxy_snapshot");
  if (options.proxy == LPREG_PROXY_OLD) check_matrix(batch, batch.old_logits, "old_logits");
  if (options.proxy != LPREG_PROXY_SNAPSHOT) return;
  check_struct(batch.proxy_snapshot, "proxy_snapshot");
  check_snapshot_arrays(*batch.proxy_snapshot, batch.rows, "proxy_snapshot");
}

void check_snapshot_arrays(const lpreg_snapshot& snapshot, int64_t rows, const char* name) {
  if (snapshot.rows != rows) {
    throw Failure{LPREG_ERR_SHAPE, name, -1, "does not have the batch's number of rows"};
  }
  if (snapshot.capacity < 0) throw Failure{LPREG_ERR_SHAPE, name, -1, "has a negative capacity"};
  const bool has_rows = rows == 0 || (snapshot.log_kept_mass != nullptr && snapshot.uniform != nullptr);
  const bool has_entries = snapshot.capacity == 0 || (snapshot.ids != nullptr && snapshot.log_q != nullptr);
  if (snapshot.row_ptr == nullptr || !has_rows || !has_entries) {
    throw Failure{LPREG_ERR_MISSING, name, -1, "an array of the snapshot is NULL"};
  }
}

void check_objective_pointers(const lpreg_loss_options& options, const lpreg_batch& batch, Memory memory) {
  const bool needs_reference = options.reference_coef != 0;
  const bool stored = options.row.proxy == LPREG_PROXY_STORED;
  check_unused(needs_reference, batch.ref_log_probs != nullptr, "ref_log_probs");
  check_unused(stored, batch.proxy_log_probs != nullptr, "proxy_log_probs");
  check_unused(options.objective == LPREG_CLIP_COV, batch.chosen != nullptr, "chosen");
  check_unused(options.objective == LPREG_LP_REG_PAPER, batch.prob_threshold.kind != LPREG_ABSENT,
               "prob_threshold");
  const double threshold = host_value(batch.prob_threshold, 0, "prob_threshold", memory);
  if (!(threshold >= 0 && std::isfinite(threshold))) {
    throw Failure{LPREG_ERR_OPTION, "prob_threshold", -1, "must be finite and not negative"};
  }
  check_given_denominators(options, batch, memory);
  if (batch.rows == 0) return;
  require_pointer(batch.advantages, "advantages");
  require_pointer(batch.old_log_probs, "old_log_probs");
  if (needs_reference) require_pointer(batch.ref_log_probs, "ref_log_probs");
  if (stored) require_pointer(batch.proxy_log_probs, "proxy_log_probs");
}

void check_grad_output(const lpreg_scalar& scalar, Memory memory) {
  if (!std::isfinite(host_value(scalar, 1, "grad_output", memory))) {
    throw Failure{LPREG_ERR_NON_FINITE_INPUT, "grad_output", -1, "must be finite"};
  }
}

void check_tokens(const lpreg_loss_options& options, const lpreg_token_outputs& tokens) {
  const int32_t objective = options.objective;
  const auto require = [](const void* array, bool needed, const char* name) {
    if (needed) require_pointer(array, name);
  };
  require(tokens.log_prob, true, "log_prob");
  require(tokens.entropy, options.entropy_coef != 0 || objective == LPREG_TOP_ENTROPY, "entropy");
  require(tokens.proxy_log_prob, core::is_lp_reg(objective), "proxy_log_prob");
  require(tokens.kl, objective == LPREG_LP_REG_PAPER, "kl");
  require(tokens.log_kept_mass, objective == LPREG_LP_REG_PAPER, "log_kept_mass");
  require(tokens.action_is_max, objective == LPREG_LP_REG_KEPT, "action_is_max");
}

}  // namespace lpreg
