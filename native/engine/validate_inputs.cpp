// Values of the per-row inputs in host memory, with the first offending index.
#include <cmath>

#include "validate.h"

namespace lpreg {
namespace {

void check_snapshot(const BatchView& view) {
  const lpreg_snapshot* snapshot = view.batch().proxy_snapshot;
  const auto fail = [](int64_t row, const char* message) {
    throw Failure{LPREG_ERR_SHAPE, "proxy_snapshot", row, message};
  };
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
  for (int64_t row = 0; row < view.rows(); ++row) {
    if (!view.valid(row) || std::isfinite(view.advantage(row))) continue;
    const int64_t index = batch.advantages_per_sequence != 0 ? view.sequence_of(row) : row;
    throw Failure{LPREG_ERR_NON_FINITE_INPUT, "advantages", index, "must be finite on valid rows"};
  }
}

void check_proxy_log_probs(const BatchView& view) {
  const float* values = view.batch().proxy_log_probs;
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

void check_sequence_lengths(const BatchView& view) {
  const double* lengths = view.batch().sequence_lengths;
  for (int64_t b = 0; lengths != nullptr && b < view.sequences(); ++b) {
    bool any_valid = false;
    for (int64_t row = view.sequence_begin(b); row < view.sequence_end(b); ++row)
      any_valid |= view.valid(row);
    if (any_valid && !(lengths[b] > 0 && std::isfinite(lengths[b]))) {
      throw Failure{LPREG_ERR_OPTION, "sequence_lengths", b, "must be finite and greater than 0"};
    }
  }
}

}  // namespace

void check_mask(const lpreg_batch& batch) {
  for (int64_t row = 0; batch.mask != nullptr && row < batch.rows; ++row) {
    if (batch.mask[row] > 1) throw Failure{LPREG_ERR_MASK, "mask", row, "must be 0 or 1"};
  }
}

void check_actions(const BatchView& view, int64_t vocab_total) {
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
  check_row_pointers(options, batch, needs_actions);
  check_mask(batch);
  if (batch.actions != nullptr) check_actions(view, batch.vocab);
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
  check_objective_pointers(options, batch, Memory::kHost);
  check_sequence_lengths(view);
  check_flags(view, batch.chosen, "chosen");
  check_advantages(view);
  check_finite_rows(view, batch.old_log_probs, "old_log_probs");
  check_finite_rows(view, batch.ref_log_probs, "ref_log_probs");
  check_finite_rows(view, batch.rollout_weights, "rollout_weights");
  if (options.row.proxy == LPREG_PROXY_STORED) check_proxy_log_probs(view);
}

}  // namespace lpreg
