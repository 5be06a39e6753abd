// The scalar stage: states of all rows -> losses, coefficients, per-token outputs and metrics (SEMANTICS
// §§2-7).
#pragma once

#include <vector>

#include "../core/loss_sums.h"
#include "batch_selection.h"
#include "batch_view.h"

namespace lpreg {

class ObjectiveStage {
 public:
  ObjectiveStage(const lpreg_loss_options& options, const BatchView& view, const lpreg_token_outputs* outputs,
                 core::CoefficientArrays coefficients);

  // Everything that looks across rows. `states` may be NULL where is_row_local holds.
  void select(const lpreg_row_state* states) { selection_ = select_batch(options_, view_, states); }

  // Weights alone, for rows that cannot be selected.
  void weigh() { selection_ = weigh_batch(options_, view_); }
  bool may_be_selected(int64_t row, const lpreg_row_state& state) const;

  // One token: its loss, its coefficients, its outputs. Rows may be evaluated in any order and at the same
  // time.
  void evaluate(int64_t row, const lpreg_row_state& state);

  // First valid row whose loss or coefficients are not finite although its logits are, -1 if none.
  int64_t first_overflow(const lpreg_row_state* states) const;

  // Sums in row order, so that they do not depend on threads.
  lpreg_loss_result summarize(const lpreg_row_state* states, bool has_entropy, bool has_kl) const;

 private:
  const lpreg_loss_options& options_;
  const BatchView& view_;
  lpreg_token_outputs outputs_{};
  core::CoefficientArrays coefficients_;
  BatchSelection selection_;
  std::vector<core::RowResult> results_;
};

}  // namespace lpreg
