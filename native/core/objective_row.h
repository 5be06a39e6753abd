// One row of the scalar stage: its inputs gathered from the batch and the selection, its objective evaluated,
// its outputs written (SEMANTICS §§2-7). Both back ends run exactly this for each row.
#pragma once

#include <cmath>

#include "batch_layout.h"
#include "token_objective.h"

namespace lpreg::core {

// Paper's form: a token is preselected when its probability ranks below delta.
struct Threshold {
  double value;  // log delta, or delta where log_space is false
  double delta;  // NaN: nothing is selected
  bool log_space;
};

// What an objective has decided over the whole batch.
struct Selection {
  const uint8_t* preselected;         // [rows], see TokenInputs; NULL: none
  const uint8_t* candidates;          // [rows], CLIP_COV; NULL: none
  const double* sequence_log_ratios;  // [B], GSPO; NULL: none
  const double* sequence_weights;     // [B] w of §4
  Threshold threshold;                // paper, in place of `preselected`
  bool by_threshold;
};

struct RowResult {
  TokenResult token;
  double weight;
};

// Where the stage leaves what a gradient pass needs: [rows] each, NaN on rows without a finite loss.
struct CoefficientArrays {
  float* log_prob;
  float* entropy;
  float* kl;

  LPREG_HD RowCoefficients scaled(int64_t row, double grad_output) const {
    return {grad_output * static_cast<double>(log_prob[row]), grad_output * static_cast<double>(entropy[row]),
            grad_output * static_cast<double>(kl[row])};
  }
};

// The same from a result that is not stored yet.
LPREG_HD RowCoefficients scaled(const RowCoefficients& c, double grad_output) {
  return {grad_output * static_cast<double>(static_cast<float>(c.log_prob)),
          grad_output * static_cast<double>(static_cast<float>(c.entropy)),
          grad_output * static_cast<double>(static_cast<float>(c.kl))};
}

LPREG_HD bool has_non_finite_logits(const lpreg_row_state& state) {
  return (state.flags & LPREG_ROW_NON_FINITE) != 0;
}

LPREG_HD bool is_preselected(const Selection& selection, int64_t row, double ranked_log_prob) {
  if (!selection.by_threshold) return selection.preselected != nullptr && selection.preselected[row] != 0;
  const Threshold& threshold = selection.threshold;
  if (threshold.delta != threshold.delta) return false;
  return threshold.log_space ? ranked_log_prob < threshold.value : exp(ranked_log_prob) < threshold.value;
}

LPREG_HD double ranked_log_prob(const lpreg_loss_options& options, const lpreg_batch& batch, int64_t row,
                                double log_prob) {
  return options.select_on == LPREG_SELECT_OLD ? batch.old_log_probs[row] : log_prob;
}

LPREG_HD TokenInputs token_inputs(const lpreg_loss_options& options, const lpreg_batch& batch,
                                  const Selection& selection, int64_t row, const lpreg_row_state& state) {
  const int64_t sequence = sequence_of(batch, row);
  TokenInputs in{};
  in.log_prob = state.log_prob;
  in.old_log_prob = batch.old_log_probs[row];
  in.advantage = advantage_of(batch, row);
  in.ref_log_prob = batch.ref_log_probs == nullptr ? 0 : batch.ref_log_probs[row];
  in.rollout_weight = batch.rollout_weights == nullptr ? 1 : batch.rollout_weights[row];
  in.proxy_log_prob = state.proxy_log_prob;
  in.log_kept_mass = state.log_kept_mass;
  in.kl = state.kl;
  in.entropy = state.entropy;
  in.row_flags = state.flags;
  in.sequence_log_ratio =
      selection.sequence_log_ratios == nullptr ? 0 : selection.sequence_log_ratios[sequence];
  in.preselected = is_preselected(selection, row, ranked_log_prob(options, batch, row, state.log_prob));
  const bool dropped = options.objective == LPREG_TOP_ENTROPY && !in.preselected;
  in.weight = dropped ? 0 : selection.sequence_weights[sequence];
  return in;
}

LPREG_HD bool is_finite(const TokenResult& result) {
  const RowCoefficients& c = result.coefficients;
  return std::isfinite(result.loss) && std::isfinite(result.reference) && std::isfinite(c.log_prob) &&
         std::isfinite(c.entropy) && std::isfinite(c.kl);
}

LPREG_HD RowResult evaluate_row(const lpreg_loss_options& options, const lpreg_batch& batch,
                                const Selection& selection, int64_t row, const lpreg_row_state& state) {
  RowResult result{};
  if (state.flags & LPREG_ROW_MASKED) return result;
  const TokenInputs in = token_inputs(options, batch, selection, row, state);
  result.weight = in.weight;
  if (has_non_finite_logits(state)) {
    result.token.loss = result.token.reference = NAN;
    result.token.coefficients = {NAN, NAN, NAN};
    return result;
  }
  result.token = evaluate_token(options, in);
  // A token that the aggregation drops cannot spoil the loss.
  if (in.weight == 0) result.token.coefficients = {0, 0, 0};
  if (in.weight != 0 && !is_finite(result.token)) result.token.coefficients = {NAN, NAN, NAN};
  return result;
}

// Whether the row's loss, or its coefficients once rounded to float32, overflowed although its logits are
// finite.
LPREG_HD bool has_overflowed(const CoefficientArrays& coefficients, int64_t row, const lpreg_row_state& state,
                             const RowResult& result) {
  if (result.weight == 0 || has_non_finite_logits(state)) return false;
  const bool finite = std::isfinite(coefficients.log_prob[row]) && std::isfinite(coefficients.entropy[row]) &&
                      std::isfinite(coefficients.kl[row]);
  return !finite || !is_finite(result.token);
}

// Inside the rho selection; form kept has none, so there it is every negative token (§6, diagnostics).
LPREG_HD bool is_lowest(const lpreg_loss_options& options, const lpreg_batch& batch,
                        const Selection& selection, int64_t row, const lpreg_row_state& state) {
  if (!is_lp_reg(options.objective)) return false;
  const bool negative = advantage_of(batch, row) < 0;
  if (options.objective == LPREG_LP_REG_KEPT) return negative;
  return (negative || options.objective == LPREG_LP_REG_REFERENCE) &&
         is_preselected(selection, row, ranked_log_prob(options, batch, row, state.log_prob));
}

// Whether a selection that is not known yet may reach the row.
LPREG_HD bool may_be_selected(const lpreg_loss_options& options, const lpreg_batch& batch,
                              const Selection& weights_only, int64_t row, const lpreg_row_state& state) {
  if (state.flags & (LPREG_ROW_MASKED | LPREG_ROW_NON_FINITE)) return false;
  const double advantage = advantage_of(batch, row);
  if (options.objective == LPREG_LP_REG_REFERENCE) {
    const double rho = advantage < 0 ? options.rho_negative : (advantage > 0 ? options.rho_positive : 0);
    if (rho == 0) return false;
  }
  TokenInputs in = token_inputs(options, batch, weights_only, row, state);
  in.preselected = true;
  return is_regularised(options, in);
}

// The state of a row from the arrays of a trainer that has no logits to offer.
LPREG_HD lpreg_row_state state_from_arrays(const lpreg_token_outputs& tokens, int64_t row) {
  lpreg_row_state state = masked_state();
  state.flags = 0;
  state.log_prob = tokens.log_prob[row];
  state.entropy = tokens.entropy == nullptr ? 0 : tokens.entropy[row];
  state.log_kept_mass = tokens.log_kept_mass == nullptr ? 0 : tokens.log_kept_mass[row];
  state.proxy_log_prob = tokens.proxy_log_prob == nullptr ? 0 : tokens.proxy_log_prob[row];
  state.kl = tokens.kl == nullptr ? 0 : tokens.kl[row];
  if (state.proxy_log_prob > -kInfinity) state.flags |= LPREG_ROW_ACTION_KEPT;
  if (tokens.action_is_max != nullptr && tokens.action_is_max[row] != 0)
    state.flags |= LPREG_ROW_ACTION_IS_MAX;
  return state;
}

// ------------------------------------------------------------------------------------------------- outputs

template <class T, class V>
LPREG_HD void put(T* array, int64_t row, V value) {
  if (array != nullptr) array[row] = static_cast<T>(value);
}

// Per-token statistics of one row; shared with the per-token operation.
LPREG_HD void write_row_statistics(const lpreg_token_outputs& outputs, const lpreg_row_options& options,
                                   int64_t row, const lpreg_row_state& state) {
  put(outputs.log_prob, row, state.log_prob);
  put(outputs.entropy, row, state.entropy);
  put(outputs.log_kept_mass, row, state.log_kept_mass);
  put(outputs.proxy_log_prob, row, state.proxy_log_prob);
  put(outputs.kl, row, state.kl);
  put(outputs.keep_count, row, state.keep_count);
  put(outputs.action_is_max, row, (state.flags & LPREG_ROW_ACTION_IS_MAX) != 0);
  if (outputs.log_sum_exp == nullptr) return;
  const bool as_it_is = (state.flags & (LPREG_ROW_MASKED | LPREG_ROW_NON_FINITE)) != 0;
  const double offset = as_it_is ? 0 : softcapped(state.max, options.softcap) / options.temperature;
  put(outputs.log_sum_exp, row, offset + state.log_sum_exp);
}

LPREG_HD void write_decisions(const lpreg_token_outputs& outputs, const Selection& selection, int64_t row,
                              const RowResult& result) {
  put(outputs.token_loss, row, result.token.loss);
  put(outputs.coef_log_prob, row, result.token.coefficients.log_prob);
  put(outputs.coef_entropy, row, result.token.coefficients.entropy);
  put(outputs.coef_kl, row, result.token.coefficients.kl);
  put(outputs.weight, row, result.weight);
  put(outputs.selected, row, result.token.selected);
  put(outputs.clipped, row, result.token.clipped);
  put(outputs.dual_clipped, row, result.token.dual_clipped);
  put(outputs.candidate, row, selection.candidates == nullptr ? 0 : selection.candidates[row]);
}

// Leaves an evaluated row's coefficients and outputs where they belong.
LPREG_HD void write_row(const CoefficientArrays& coefficients, const lpreg_token_outputs& outputs,
                        const lpreg_row_options& options, const Selection& selection, int64_t row,
                        const lpreg_row_state& state, const RowResult& result) {
  coefficients.log_prob[row] = static_cast<float>(result.token.coefficients.log_prob);
  coefficients.entropy[row] = static_cast<float>(result.token.coefficients.entropy);
  coefficients.kl[row] = static_cast<float>(result.token.coefficients.kl);
  write_row_statistics(outputs, options, row, state);
  write_decisions(outputs, selection, row, result);
}

}  // namespace lpreg::core
