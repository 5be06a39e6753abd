// The numbers behind each selection over a batch (SEMANTICS §§6, 7): how many tokens, which quantile, which
// covariance. Which tokens these are is core/selection.h.
#pragma once

#include "aggregation.h"
#include "objective_row.h"
#include "selection.h"

namespace lpreg::core {

// Whether the coefficients of a row need only that row and facts known before the logits are read.
LPREG_HD bool is_row_local(const lpreg_loss_options& options, const lpreg_batch& batch) {
  switch (options.objective) {
    case LPREG_GRPO:
    case LPREG_CISPO:
    case LPREG_SAPO:
    case LPREG_LP_REG_KEPT:
      return true;
    case LPREG_LP_REG_PAPER:
      return options.select_on == LPREG_SELECT_OLD || batch.prob_threshold.kind != LPREG_ABSENT;
    case LPREG_LP_REG_REFERENCE:
      return options.select_on == LPREG_SELECT_OLD;
    default:
      return false;
  }
}

// Whether most rows are known not to be selected as soon as they are read, so that only the rest must wait
// for the selection over the whole batch.
LPREG_HD bool is_split(const lpreg_loss_options& options) {
  return options.objective == LPREG_LP_REG_PAPER || options.objective == LPREG_LP_REG_REFERENCE;
}

// Reference form: of n tokens of one side; nothing unless k > 1.
LPREG_HD int64_t lowest_count(int64_t n, double rho) {
  const auto k = static_cast<int64_t>(static_cast<double>(n) * rho);
  return k > 1 ? k : 0;
}

LPREG_HD int64_t kl_cov_count(int64_t n, double percent) {
  if (percent == 0) return 0;
  const auto count = static_cast<double>(n);
  const auto k = static_cast<int64_t>(count * (percent < count ? percent : count) / 100);
  return k > 1 ? k : 1;
}

// Clip-Cov and 80/20: a fraction of n, at least one.
LPREG_HD int64_t fraction_count(int64_t n, double fraction) {
  const auto k = static_cast<int64_t>(fraction * static_cast<double>(n));
  return k > 1 ? k : 1;
}

// Paper's form: where the rho-quantile of n > 0 ordered log-probs lies.
struct QuantilePosition {
  double position;
  int64_t lower, upper;
};

LPREG_HD QuantilePosition quantile_position(int64_t n, double rho) {
  const double position = rho * static_cast<double>(n - 1);
  const auto lower = static_cast<int64_t>(floor(position));
  return {position, lower, lower + 1 < n ? lower + 1 : n - 1};
}

LPREG_HD Threshold given_threshold(double delta) { return {log(delta), delta, true}; }
LPREG_HD Threshold no_threshold() { return {0, NAN, true}; }

// `low` and `high` are the log-probs of both ranks; only `linear` looks at `high`.
LPREG_HD Threshold quantile_threshold(int32_t interpolation, const QuantilePosition& at, double low,
                                      double high) {
  if (interpolation == LPREG_LOWER) return {low, exp(low), true};
  const double p_low = exp(low);
  const double delta = p_low + (at.position - static_cast<double>(at.lower)) * (exp(high) - p_low);
  return {delta, delta, false};
}

// Sums behind (A - mean A)(logProb - mean logProb); KL-Cov divides by n, Clip-Cov by n + epsilon.
struct CovarianceMeans {
  double advantage, log_prob;
};

LPREG_HD CovarianceMeans covariance_means(const lpreg_loss_options& options, double count, double advantage,
                                          double log_prob) {
  const double n = options.objective == LPREG_CLIP_COV ? count + kAggregationEpsilon : count;
  return {advantage / n, log_prob / n};
}

LPREG_HD double covariance(const CovarianceMeans& means, double advantage, double log_prob) {
  return (advantage - means.advantage) * (log_prob - means.log_prob);
}

LPREG_HD bool is_clip_cov_candidate(const lpreg_loss_options& options, double covariance, double log_ratio,
                                    double advantage) {
  return options.cov_low < covariance && covariance < options.cov_high &&
         !clipped_by(options, log_ratio, advantage).clipped;
}

LPREG_HD Denominators denominators(const lpreg_batch& batch, double counted_tokens, double longest) {
  return {scalar_value(batch.token_count, counted_tokens),
          scalar_value(batch.sequence_count, static_cast<double>(batch.sequences)),
          scalar_value(batch.max_length, longest), batch.token_count.kind != LPREG_ABSENT,
          batch.sequence_lengths != nullptr};
}

}  // namespace lpreg::core
