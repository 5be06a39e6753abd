// Loss and metrics of a batch: sums over its tokens in row order.
#include <algorithm>
#include <cmath>

#include "objective_stage.h"

namespace lpreg {
namespace {

// Sum and count of a mean; 0 over nothing.
struct Mean {
  double sum = 0;
  double count = 0;
  void add(double value) {
    sum += value;
    count += 1;
  }
  double value() const { return count == 0 ? 0 : sum / count; }
};

struct Range {
  double low = core::kInfinity;
  double high = -core::kInfinity;
  void add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

// How the current policy has moved from the old one.
struct RatioSummary {
  Mean ratio, approx_kl;
  Range range;

  void add(double log_ratio) {
    const double ratio_value = std::exp(log_ratio);
    ratio.add(ratio_value);
    range.add(ratio_value);
    approx_kl.add(std::expm1(log_ratio) - log_ratio);
  }

  void write(lpreg_loss_result* result) const {
    result->approx_kl = approx_kl.value();
    result->ratio_mean = ratio.value();
    result->ratio_min = ratio.count == 0 ? 0 : range.low;
    result->ratio_max = ratio.count == 0 ? 0 : range.high;
  }
};

// What the proxy keeps, and how hard it pulls (§6, diagnostics).
struct ProxySummary {
  Mean mass, mass_negative, mass_selected, kl;
  double policy_pull = 0;
  double regulariser_pull = 0;

  void add(const lpreg_row_state& state, const core::TokenResult& token, bool negative) {
    const double kept_mass = std::exp(state.log_kept_mass);
    mass.add(kept_mass);
    kl.add(state.kl);
    if (token.selected) mass_selected.add(kept_mass);
    if (!negative) return;
    mass_negative.add(kept_mass);
    policy_pull += token.policy_pull;
    regulariser_pull += token.regulariser_pull;
  }

  void write(bool has_mass, bool has_kl, bool has_pull, lpreg_loss_result* result) const {
    result->kept_mass = has_mass ? mass.value() : NAN;
    result->kept_mass_negative = has_mass ? mass_negative.value() : NAN;
    result->kept_mass_selected = has_mass ? mass_selected.value() : NAN;
    result->proxy_kl = has_mass && has_kl ? kl.value() : NAN;
    result->pull_ratio = NAN;
    if (has_pull) result->pull_ratio = regulariser_pull == 0 ? 0 : regulariser_pull / policy_pull;
  }
};

}  // namespace

lpreg_loss_result ObjectiveStage::summarize(const lpreg_row_state* states, bool has_entropy,
                                            bool has_kl) const {
  lpreg_loss_result result{};
  result.struct_size = sizeof result;
  Mean entropy;
  Mean clipped;
  Mean dual_clipped;
  RatioSummary ratios;
  ProxySummary proxy;
  for (int64_t row = 0; row < view_.rows(); ++row) {
    const lpreg_row_state& state = states[row];
    if (state.flags & LPREG_ROW_MASKED) continue;
    const core::TokenResult& token = results_[static_cast<size_t>(row)];
    const double weight = weights_[static_cast<size_t>(row)];
    const bool negative = view_.advantage(row) < 0;
    if (weight != 0) {
      result.policy_loss += weight * token.loss;
      result.entropy_term += weight * state.entropy;
      result.reference_term += weight * token.reference;
    }
    entropy.add(state.entropy);
    clipped.add(token.clipped);
    dual_clipped.add(token.dual_clipped);
    ratios.add(state.log_prob - view_.batch().old_log_probs[row]);
    proxy.add(state, token, negative);
    result.valid_count += 1;
    result.negative_count += negative;
    result.lowest_count += is_lowest(row, state);
    result.selected_count += token.selected;
  }
  result.loss = result.policy_loss + options_.reference_coef * result.reference_term;
  if (options_.entropy_coef != 0) result.loss -= options_.entropy_coef * result.entropy_term;
  result.entropy = has_entropy ? entropy.value() : NAN;
  if (!has_entropy) result.entropy_term = NAN;
  result.clip_fraction = clipped.value();
  result.dual_clip_fraction = dual_clipped.value();
  ratios.write(&result);
  const bool has_mass = options_.row.proxy != LPREG_PROXY_NONE && options_.row.proxy != LPREG_PROXY_STORED;
  proxy.write(has_mass, has_kl, core::is_lp_reg(options_.objective), &result);
  result.prob_threshold = selection_.delta;
  return result;
}

}  // namespace lpreg
