// The scalar stage: states of all rows -> losses, coefficients, per-token outputs and metrics (SEMANTICS
// §§2-7).
#pragma once

#include <vector>

#include "../core/token_objective.h"
#include "batch_selection.h"
#include "batch_view.h"

namespace lpreg {

// Where the stage leaves what a gradient pass needs: [rows] each, NaN coefficients on non-finite rows.
struct CoefficientArrays {
  float* log_prob;
  float* entropy;
  float* kl;

  core::RowCoefficients scaled(int64_t row, double grad_output) const {
    return {grad_output * static_cast<double>(log_prob[row]), grad_output * static_cast<double>(entropy[row]),
            grad_output * static_cast<double>(kl[row])};
  }
};

class ObjectiveStage {
 public:
  ObjectiveStage(const lpreg_loss_options& options, const BatchView& view, const lpreg_token_outputs* outputs,
                 CoefficientArrays coefficients);

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

  // Sums in row order, so that they do not depend on threads. (objective_summary.cpp)
  lpreg_loss_result summarize(const lpreg_row_state* states, bool has_entropy, bool has_kl) const;

 private:
  core::TokenInputs inputs(int64_t row, const lpreg_row_state& state) const;
  bool is_lowest(int64_t row, const lpreg_row_state& state) const;
  void write_decisions(int64_t row, const core::TokenInputs& in, const core::TokenResult& result) const;

  const lpreg_loss_options& options_;
  const BatchView& view_;
  lpreg_token_outputs outputs_{};
  CoefficientArrays coefficients_;
  BatchSelection selection_;
  std::vector<core::TokenResult> results_;
  std::vector<double> weights_;
};

// Per-token statistics of one row; shared with the per-token operation.
void write_row_statistics(const lpreg_token_outputs& outputs, const lpreg_row_options& options, int64_t row,
                          const lpreg_row_state& state);

}  // namespace lpreg
