// Which rows a selection of the lowest log-probs can still reach while the others are being read: a row with
// k lower ones before it is out for good, whatever follows. So a selection over the whole batch holds up few
// rows, not all candidates.
#pragma once

#include <atomic>
#include <cmath>
#include <cstdint>
#include <mutex>
#include <queue>

#include "../core/selection_rules.h"
#include "batch_view.h"

namespace lpreg {

// The k lowest of the values shown so far, by any thread.
class LowestSeen {
 public:
  explicit LowestSeen(int64_t k) : k_(static_cast<size_t>(k)), bound_(k == 0 ? -HUGE_VAL : HUGE_VAL) {}

  // Whether `value` may be among the k lowest of all values, ties and rounding included. Once false, false
  // for ever.
  bool may_include(double value);

 private:
  const size_t k_;
  std::atomic<double> bound_;  // the k-th lowest value; infinite before there are k
  std::mutex mutex_;
  std::priority_queue<double> lowest_;
};

class SelectionReach {
 public:
  // For an objective that core::is_split and not core::is_row_local.
  SelectionReach(const lpreg_loss_options& options, const BatchView& view);

  // To be asked once for each valid row with finite logits.
  bool may_reach(int64_t row, double log_prob);

 private:
  const lpreg_loss_options& options_;
  const BatchView& view_;
  LowestSeen negative_, positive_;  // form paper ranks all rows together, in `negative_`
};

}  // namespace lpreg
