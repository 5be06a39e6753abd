// Loss and metrics of a batch as sums over its tokens. Parts add up, so that a back end may split the rows;
// the order in which it does so is fixed.
#pragma once

#include "objective_row.h"

namespace lpreg::core {

struct LossSums {
  double policy, entropy_term, reference;  // sums of w l, w H, w KLhat
  double entropy, ratio, approx_kl, ratio_min, ratio_max;
  double mass, mass_negative, mass_selected, proxy_kl;
  double policy_pull, regulariser_pull;
  int64_t valid, clipped, dual_clipped, negative, lowest, selected;
};

LPREG_HD LossSums no_sums() {
  LossSums sums{};
  sums.ratio_min = kInfinity;
  sums.ratio_max = -kInfinity;
  return sums;
}

LPREG_HD void add_row(LossSums* sums, const lpreg_loss_options& options, const lpreg_batch& batch,
                      const Selection& selection, int64_t row, const lpreg_row_state& state,
                      const RowResult& result) {
  if (state.flags & LPREG_ROW_MASKED) return;
  const TokenResult& token = result.token;
  const bool negative = advantage_of(batch, row) < 0;
  if (result.weight != 0) {
    sums->policy += result.weight * token.loss;
    sums->entropy_term += result.weight * state.entropy;
    sums->reference += result.weight * token.reference;
  }
  sums->entropy += state.entropy;
  const double log_ratio = state.log_prob - batch.old_log_probs[row];
  const double ratio = exp(log_ratio);
  sums->ratio += ratio;
  sums->ratio_min = ratio < sums->ratio_min ? ratio : sums->ratio_min;
  sums->ratio_max = ratio > sums->ratio_max ? ratio : sums->ratio_max;
  sums->approx_kl += expm1(log_ratio) - log_ratio;
  const double kept_mass = exp(state.log_kept_mass);
  sums->mass += kept_mass;
  sums->proxy_kl += state.kl;
  if (token.selected) sums->mass_selected += kept_mass;
  if (negative) {
    sums->mass_negative += kept_mass;
    sums->policy_pull += token.policy_pull;
    sums->regulariser_pull += token.regulariser_pull;
  }
  sums->valid += 1;
  sums->clipped += token.clipped;
  sums->dual_clipped += token.dual_clipped;
  sums->negative += negative;
  sums->lowest += is_lowest(options, batch, selection, row, state);
  sums->selected += token.selected;
}

LPREG_HD void merge_sums(LossSums* a, const LossSums& b) {
  a->policy += b.policy;
  a->entropy_term += b.entropy_term;
  a->reference += b.reference;
  a->entropy += b.entropy;
  a->ratio += b.ratio;
  a->approx_kl += b.approx_kl;
  a->ratio_min = b.ratio_min < a->ratio_min ? b.ratio_min : a->ratio_min;
  a->ratio_max = b.ratio_max > a->ratio_max ? b.ratio_max : a->ratio_max;
  a->mass += b.mass;
  a->mass_negative += b.mass_negative;
  a->mass_selected += b.mass_selected;
  a->proxy_kl += b.proxy_kl;
  a->policy_pull += b.policy_pull;
  a->regulariser_pull += b.regulariser_pull;
  a->valid += b.valid;
  a->clipped += b.clipped;
  a->dual_clipped += b.dual_clipped;
  a->negative += b.negative;
  a->lowest += b.lowest;
  a->selected += b.selected;
}

// A mean over nothing is 0.
LPREG_HD double mean_of(double sum, int64_t count) {
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

LPREG_HD lpreg_loss_result finish_sums(const LossSums& sums, const lpreg_loss_options& options, double delta,
                                       bool has_entropy, bool has_kl) {
  lpreg_loss_result result{};
  result.struct_size = sizeof result;
  result.policy_loss = sums.policy;
  result.reference_term = sums.reference;
  result.loss = sums.policy + options.reference_coef * sums.reference;
  if (options.entropy_coef != 0) result.loss -= options.entropy_coef * sums.entropy_term;
  result.entropy = has_entropy ? mean_of(sums.entropy, sums.valid) : NAN;
  result.entropy_term = has_entropy ? sums.entropy_term : NAN;
  result.clip_fraction = mean_of(static_cast<double>(sums.clipped), sums.valid);
  result.dual_clip_fraction = mean_of(static_cast<double>(sums.dual_clipped), sums.valid);
  result.approx_kl = mean_of(sums.approx_kl, sums.valid);
  result.ratio_mean = mean_of(sums.ratio, sums.valid);
  result.ratio_min = sums.valid == 0 ? 0 : sums.ratio_min;
  result.ratio_max = sums.valid == 0 ? 0 : sums.ratio_max;
  const bool has_mass = options.row.proxy != LPREG_PROXY_NONE && options.row.proxy != LPREG_PROXY_STORED;
  result.kept_mass = has_mass ? mean_of(sums.mass, sums.valid) : NAN;
  result.kept_mass_negative = has_mass ? mean_of(sums.mass_negative, sums.negative) : NAN;
  result.kept_mass_selected = has_mass ? mean_of(sums.mass_selected, sums.selected) : NAN;
  result.proxy_kl = has_mass && has_kl ? mean_of(sums.proxy_kl, sums.valid) : NAN;
  result.pull_ratio = NAN;
  if (is_lp_reg(options.objective)) {
    result.pull_ratio = sums.regulariser_pull == 0 ? 0 : sums.regulariser_pull / sums.policy_pull;
  }
  result.prob_threshold = delta;
  result.valid_count = sums.valid;
  result.negative_count = sums.negative;
  result.lowest_count = sums.lowest;
  result.selected_count = sums.selected;
  return result;
}

}  // namespace lpreg::core
