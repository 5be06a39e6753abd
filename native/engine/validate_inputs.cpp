// Values of the per-row inputs, with the first offending index, and inputs that the objective ignores.
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

void check_snapshot(const BatchView& view) {
  const lpreg_snapshot* snapshot = view.batch().proxy_snapshot;
  check_struct(snapshot, "proxy_snapshot");
  const auto fail = [](int64_t row, const char* message) {
    throw Failure{LPREG_ERR_SHAPE, "proxy_snapshot", row, message};
  };
  if (snapshot->rows != view.rows()) fail(-1, "does not have the batch's number of rows");
  if (view.rows() > 0 && snapshot->row_ptr[0] != 0) fail(0, "row_ptr must start at 0");
  for (int64_t row = 0; row < view.rows(); ++row) {
    const int64_t begin = snapshot->row_ptr[row];
    const int64_t end = snapshot->row_ptr[row + 1];
    if (end < begin || end > snapshot->capacity) fail(row, "row_ptr must ascend within the capacity");
    if (view.valid(row) && begin == end && snapshot->uniform[row] == 0) fail(row, "a valid row has no proxy");
    for (int64_t k = begin; k < end; ++k) {
      const int64_t previous = k == begin ? -1 : snapshot->ids[k - 1];
      if (snapshot->ids[k] <= previous || snapshot->ids[k] >= view.vocab())
        fail(row, "ids must ascend in [0, vocab)");
      if (!(snapshot->log_q[k] <= 0)) fail(row, "log_q must not be above 0");
    }
  }
}

void check_advantages(const BatchView& view) {
  const lpreg_batch& batch = view.batch();
  require_pointer(batch.advantages, "advantages");
  for (int64_t row = 0; row < view.rows(); ++row) {
    if (!view.valid(row) || std::isfinite(view.advantage(row))) continue;
    const int64_t index = batch.advantages_per_sequence != 0 ? view.sequence_of(row) : row;
    throw Failure{LPREG_ERR_NON_FINITE_INPUT, "advantages", index, "must be finite on valid rows"};
  }
}

void check_proxy_log_probs(const BatchView& view) {
  const float* values = view.batch().proxy_log_probs;
  require_pointer(values, "proxy_log_probs");
  for (int64_t row = 0; row < view.rows(); ++row) {
    if (view.valid(row) && !(values[row] < HUGE_VALF)) {  // -inf says that the filter dropped the action
      throw Failure{LPREG_ERR_NON_FINITE_INPUT, "proxy_log_probs", row,
                    "must be finite or -inf on valid rows"};
    }
  }
}

void check_flags(const BatchView& view, const uint8_t* values, const char* name) {
  for (int64_t row = 0; values != nullptr && row < view.rows(); ++row) {
    if (values[row] > 1) throw Failure{LPREG_ERR_MASK, name, row, "must be 0 or 1"};
  }
}

void check_given_denominators(const lpreg_loss_options& options, const BatchView& view) {
  const lpreg_batch& batch = view.batch();
  const int32_t mode = options.aggregation;
  const bool by_sequence = mode == LPREG_SEQ_MEAN_TOKEN_SUM || mode == LPREG_SEQ_MEAN_TOKEN_MEAN;
  check_unused(mode == LPREG_TOKEN_MEAN, batch.token_count.kind != LPREG_ABSENT, "token_count");
  check_unused(by_sequence, batch.sequence_count.kind != LPREG_ABSENT, "sequence_count");
  check_unused(mode == LPREG_SEQ_MEAN_TOKEN_MEAN, batch.sequence_lengths != nullptr, "sequence_lengths");
  check_unused(mode == LPREG_SEQ_MEAN_TOKEN_SUM_NORM, batch.max_length.kind != LPREG_ABSENT, "max_length");
  const auto positive = [](double value, const char* name, int64_t index) {
    if (!(value > 0 && std::isfinite(value))) {
      throw Failure{LPREG_ERR_OPTION, name, index, "must be finite and greater than 0"};
    }
  };
  positive(host_scalar(batch.token_count, 1, "token_count"), "token_count", -1);
  positive(host_scalar(batch.sequence_count, 1, "sequence_count"), "sequence_count", -1);
  positive(host_scalar(batch.max_length, 1, "max_length"), "max_length", -1);
  for (int64_t b = 0; batch.sequence_lengths != nullptr && b < batch.sequences; ++b) {
    bool any_valid = false;
    for (int64_t row = view.sequence_begin(b); row < view.sequence_end(b); ++row)
      any_valid |= view.valid(row);
    if (any_valid) positive(batch.sequence_lengths[b], "sequence_lengths", b);
  }
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

void check_mask(const lpreg_batch& batch) {
  for (int64_t row = 0; batch.mask != nullptr && row < batch.rows; ++row) {
    if (batch.mask[row] > 1) throw Failure{LPREG_ERR_MASK, "mask", row, "must be 0 or 1"};
  }
}

void check_actions(const BatchView& view, int64_t vocab_total) {
  const int32_t dtype = view.batch().action_dtype;
  if (dtype != LPREG_INT32 && dtype != LPREG_INT64) {
    throw Failure{LPREG_ERR_DTYPE, "actions", -1, "must be int32 or int64"};
  }
  for (int64_t row = 0; row < view.rows(); ++row) {
    if (!view.valid(row)) continue;
    const int64_t action = view.action(row);
    if (action < 0 || action >= vocab_total) {
      throw Failure{LPREG_ERR_ACTION_RANGE, "actions", row, "must lie in [0, vocabulary) on valid rows"};
    }
  }
}

void check_row_inputs(const lpreg_row_options& options, const BatchView& view, bool needs_actions) {
  const lpreg_batch& batch = view.batch();
  check_matrix(batch, batch.logits, "logits");
  check_mask(batch);
  if (needs_actions && view.rows() > 0) require_pointer(batch.actions, "actions");
  if (batch.actions != nullptr) check_actions(view, batch.vocab);
  check_unused(options.proxy == LPREG_PROXY_OLD, batch.old_logits.data != nullptr, "old_logits");
  check_unused(options.proxy == LPREG_PROXY_SNAPSHOT, batch.proxy_snapshot != nullptr, "proxy_snapshot");
  if (options.proxy == LPREG_PROXY_OLD) check_matrix(batch, batch.old_logits, "old_logits");
  if (options.proxy == LPREG_PROXY_SNAPSHOT) check_snapshot(view);
}

void check_finite_rows(const BatchView& view, const float* values, const char* name) {
  for (int64_t row = 0; values != nullptr && row < view.rows(); ++row) {
    if (view.valid(row) && !std::isfinite(values[row])) {
      throw Failure{LPREG_ERR_NON_FINITE_INPUT, name, row, "must be finite on valid rows"};
    }
  }
}

void check_objective_inputs(const lpreg_loss_options& options, const BatchView& view) {
  const lpreg_batch& batch = view.batch();
  const bool needs_reference = options.reference_coef != 0;
  check_unused(needs_reference, batch.ref_log_probs != nullptr, "ref_log_probs");
  check_unused(options.row.proxy == LPREG_PROXY_STORED, batch.proxy_log_probs != nullptr, "proxy_log_probs");
  check_unused(options.objective == LPREG_CLIP_COV, batch.chosen != nullptr, "chosen");
  check_unused(options.objective == LPREG_LP_REG_PAPER, batch.prob_threshold.kind != LPREG_ABSENT,
               "prob_threshold");
  const double threshold = host_scalar(batch.prob_threshold, 0, "prob_threshold");
  if (!(threshold >= 0 && std::isfinite(threshold))) {
    throw Failure{LPREG_ERR_OPTION, "prob_threshold", -1, "must be finite and not negative"};
  }
  check_given_denominators(options, view);
  check_flags(view, batch.chosen, "chosen");
  if (view.rows() == 0) return;
  check_advantages(view);
  require_pointer(batch.old_log_probs, "old_log_probs");
  check_finite_rows(view, batch.old_log_probs, "old_log_probs");
  if (needs_reference) require_pointer(batch.ref_log_probs, "ref_log_probs");
  check_finite_rows(view, batch.ref_log_probs, "ref_log_probs");
  check_finite_rows(view, batch.rollout_weights, "rollout_weights");
  if (options.row.proxy == LPREG_PROXY_STORED) check_proxy_log_probs(view);
}

}  // namespace lpreg
