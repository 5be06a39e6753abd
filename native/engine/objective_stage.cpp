#include "objective_stage.h"

namespace lpreg {

ObjectiveStage::ObjectiveStage(const lpreg_loss_options& options, const BatchView& view,
                               const lpreg_token_outputs* outputs, core::CoefficientArrays coefficients)
    : options_(options), view_(view), coefficients_(coefficients) {
  if (outputs != nullptr) outputs_ = *outputs;
  results_.resize(static_cast<size_t>(view.rows()));
}

void ObjectiveStage::evaluate(int64_t row, const lpreg_row_state& state) {
  const core::Selection selection = selection_.view();
  const core::RowResult result = core::evaluate_row(options_, view_.batch(), selection, row, state);
  core::write_row(coefficients_, outputs_, options_.row, selection, row, state, result);
  results_[static_cast<size_t>(row)] = result;
}

bool ObjectiveStage::may_be_selected(int64_t row, const lpreg_row_state& state) const {
  return core::may_be_selected(options_, view_.batch(), selection_.view(), row, state);
}

int64_t ObjectiveStage::first_overflow(const lpreg_row_state* states) const {
  for (int64_t row = 0; row < view_.rows(); ++row) {
    if (core::has_overflowed(coefficients_, row, states[row], results_[static_cast<size_t>(row)])) return row;
  }
  return -1;
}

lpreg_loss_result ObjectiveStage::summarize(const lpreg_row_state* states, bool has_entropy,
                                            bool has_kl) const {
  core::LossSums sums = core::no_sums();
  for (int64_t row = 0; row < view_.rows(); ++row) {
    core::add_row(&sums, options_, view_.batch(), selection_.view(), row, states[row],
                  results_[static_cast<size_t>(row)]);
  }
  return core::finish_sums(sums, options_, selection_.threshold.delta, has_entropy, has_kl);
}

}  // namespace lpreg
