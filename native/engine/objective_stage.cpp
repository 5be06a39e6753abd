#include "objective_stage.h"

#include <algorithm>
#include <cmath>

namespace lpreg {
namespace {

template <class T, class V>
void put(T* array, int64_t row, V value) {
  if (array != nullptr) array[row] = static_cast<T>(value);
}

bool has_non_finite_logits(const lpreg_row_state& state) { return (state.flags & LPREG_ROW_NON_FINITE) != 0; }

core::TokenResult not_a_number() {
  core::TokenResult result{};
  result.loss = result.reference = NAN;
  result.coefficients = {NAN, NAN, NAN};
  return result;
}

bool is_finite(const core::TokenResult& result) {
  return std::isfinite(result.loss) && std::isfinite(result.reference) &&
         std::isfinite(result.coefficients.log_prob) && std::isfinite(result.coefficients.entropy) &&
         std::isfinite(result.coefficients.kl);
}

}  // namespace

void write_row_statistics(const lpreg_token_outputs& outputs, const lpreg_row_options& options, int64_t row,
                          const lpreg_row_state& state) {
  put(outputs.log_prob, row, state.log_prob);
  put(outputs.entropy, row, state.entropy);
  put(outputs.log_kept_mass, row, state.log_kept_mass);
  put(outputs.proxy_log_prob, row, state.proxy_log_prob);
  put(outputs.kl, row, state.kl);
  put(outputs.keep_count, row, state.keep_count);
  put(outputs.action_is_max, row, (state.flags & LPREG_ROW_ACTION_IS_MAX) != 0);
  if (state.flags & (LPREG_ROW_MASKED | LPREG_ROW_NON_FINITE))
    return put(outputs.log_sum_exp, row, state.log_sum_exp);
  const double offset = core::softcapped(state.max, options.softcap) / options.temperature;
  put(outputs.log_sum_exp, row, offset + state.log_sum_exp);
}

ObjectiveStage::ObjectiveStage(const lpreg_loss_options& options, const BatchView& view,
                               const lpreg_token_outputs* outputs, CoefficientArrays coefficients)
    : options_(options), view_(view), coefficients_(coefficients) {
  if (outputs != nullptr) outputs_ = *outputs;
  results_.resize(static_cast<size_t>(view.rows()));
  weights_.resize(static_cast<size_t>(view.rows()));
}

core::TokenInputs ObjectiveStage::inputs(int64_t row, const lpreg_row_state& state) const {
  const lpreg_batch& batch = view_.batch();
  const auto sequence = static_cast<size_t>(view_.sequence_of(row));
  core::TokenInputs in{};
  in.log_prob = state.log_prob;
  in.old_log_prob = batch.old_log_probs[row];
  in.advantage = view_.advantage(row);
  in.ref_log_prob = batch.ref_log_probs == nullptr ? 0 : batch.ref_log_probs[row];
  in.rollout_weight = batch.rollout_weights == nullptr ? 1 : batch.rollout_weights[row];
  in.proxy_log_prob = state.proxy_log_prob;
  in.log_kept_mass = state.log_kept_mass;
  in.kl = state.kl;
  in.entropy = state.entropy;
  in.row_flags = state.flags;
  in.sequence_log_ratio =
      selection_.sequence_log_ratios.empty() ? 0 : selection_.sequence_log_ratios[sequence];
  const bool on_old = options_.select_on == LPREG_SELECT_OLD;
  in.preselected = selection_.is_preselected(row, on_old ? in.old_log_prob : in.log_prob);
  const bool dropped = options_.objective == LPREG_TOP_ENTROPY && !in.preselected;
  in.weight = dropped ? 0 : selection_.sequence_weights[sequence];
  return in;
}

void ObjectiveStage::write_decisions(int64_t row, const core::TokenInputs& in,
                                     const core::TokenResult& result) const {
  put(outputs_.token_loss, row, result.loss);
  put(outputs_.coef_log_prob, row, result.coefficients.log_prob);
  put(outputs_.coef_entropy, row, result.coefficients.entropy);
  put(outputs_.coef_kl, row, result.coefficients.kl);
  put(outputs_.weight, row, in.weight);
  put(outputs_.selected, row, result.selected);
  put(outputs_.clipped, row, result.clipped);
  put(outputs_.dual_clipped, row, result.dual_clipped);
  put(outputs_.candidate, row,
      selection_.candidates.empty() ? 0 : selection_.candidates[static_cast<size_t>(row)]);
}

void ObjectiveStage::evaluate(int64_t row, const lpreg_row_state& state) {
  core::TokenInputs in{};
  core::TokenResult result{};
  if (!(state.flags & LPREG_ROW_MASKED)) {
    in = inputs(row, state);
    result = core::evaluate_token(options_, in);
    if (has_non_finite_logits(state)) result = not_a_number();
    // A token that the aggregation drops cannot spoil the loss.
    if (in.weight == 0 && !has_non_finite_logits(state)) result.coefficients = {0, 0, 0};
    if (in.weight != 0 && !is_finite(result)) result.coefficients = {NAN, NAN, NAN};
  }
  coefficients_.log_prob[row] = static_cast<float>(result.coefficients.log_prob);
  coefficients_.entropy[row] = static_cast<float>(result.coefficients.entropy);
  coefficients_.kl[row] = static_cast<float>(result.coefficients.kl);
  write_row_statistics(outputs_, options_.row, row, state);
  write_decisions(row, in, result);
  results_[static_cast<size_t>(row)] = result;
  weights_[static_cast<size_t>(row)] = in.weight;
}

// Inside the rho selection; form kept has none, so there it is every negative token (§6, diagnostics).
bool ObjectiveStage::is_lowest(int64_t row, const lpreg_row_state& state) const {
  if (!core::is_lp_reg(options_.objective)) return false;
  const bool negative = view_.advantage(row) < 0;
  if (options_.objective == LPREG_LP_REG_KEPT) return negative;
  const bool on_old = options_.select_on == LPREG_SELECT_OLD;
  const bool inside =
      selection_.is_preselected(row, on_old ? view_.batch().old_log_probs[row] : state.log_prob);
  return inside && (negative || options_.objective == LPREG_LP_REG_REFERENCE);
}

bool ObjectiveStage::may_be_selected(int64_t row, const lpreg_row_state& state) const {
  if (state.flags & (LPREG_ROW_MASKED | LPREG_ROW_NON_FINITE)) return false;
  const double advantage = view_.advantage(row);
  if (options_.objective == LPREG_LP_REG_REFERENCE) {
    const double rho = advantage < 0 ? options_.rho_negative : (advantage > 0 ? options_.rho_positive : 0);
    if (rho == 0) return false;
  }
  core::TokenInputs in = inputs(row, state);
  in.preselected = true;
  return core::is_regularised(options_, in);
}

int64_t ObjectiveStage::first_overflow(const lpreg_row_state* states) const {
  for (int64_t row = 0; row < view_.rows(); ++row) {
    const auto i = static_cast<size_t>(row);
    const bool finite = std::isfinite(coefficients_.log_prob[row]) &&
                        std::isfinite(coefficients_.entropy[row]) && std::isfinite(coefficients_.kl[row]) &&
                        is_finite(results_[i]);
    if (weights_[i] != 0 && !finite && !has_non_finite_logits(states[row])) return row;
  }
  return -1;
}

}  // namespace lpreg
