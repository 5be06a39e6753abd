#include "selection_reach.h"

namespace lpreg {
namespace {

// Thresholds are interpolated and compared as probabilities: their rounding moves a log-prob by far less than
// this.
constexpr double kRounding = 1e-9;

bool ranks_all_rows(const lpreg_loss_options& options) { return options.objective == LPREG_LP_REG_PAPER; }

// At least as many rows as the selection can take, since rows with non-finite logits take no part in it.
int64_t reach_of(const lpreg_loss_options& options, const BatchView& view, bool positive) {
  int64_t candidates = 0;
  for (int64_t row = 0; row < view.rows(); ++row) {
    if (!view.valid(row)) continue;
    const double advantage = view.advantage(row);
    candidates += ranks_all_rows(options) || (positive ? advantage > 0 : advantage < 0);
  }
  if (ranks_all_rows(options)) {
    return positive || candidates == 0 ? 0 : core::quantile_position(candidates, options.rho).upper + 1;
  }
  return core::lowest_count(candidates, positive ? options.rho_positive : options.rho_negative);
}

}  // namespace

bool LowestSeen::may_include(double value) {
  if (value > bound_.load(std::memory_order_relaxed) + kRounding) return false;
  const std::lock_guard<std::mutex> lock(mutex_);
  lowest_.push(value);
  if (lowest_.size() > k_) lowest_.pop();
  if (lowest_.size() < k_) return true;
  const double bound = lowest_.empty() ? -HUGE_VAL : lowest_.top();
  bound_.store(bound, std::memory_order_relaxed);
  return value <= bound + kRounding;
}

SelectionReach::SelectionReach(const lpreg_loss_options& options, const BatchView& view)
    : options_(options),
      view_(view),
      negative_(reach_of(options, view, false)),
      positive_(reach_of(options, view, true)) {}

bool SelectionReach::may_reach(int64_t row, double log_prob) {
  if (ranks_all_rows(options_)) return negative_.may_include(log_prob);
  const double advantage = view_.advantage(row);
  if (advantage == 0) return false;
  return (advantage > 0 ? positive_ : negative_).may_include(log_prob);
}

}  // namespace lpreg
