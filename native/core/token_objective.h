// One token's objective (SEMANTICS §§3-7): from log-probs and statistics to its loss and its three
// coefficients. A new loss is one case here, its options, and vectors: no kernel changes.
#pragma once

#include <cmath>

#include "estimators.h"
#include "row_gradient.h"
#include "surrogate.h"

namespace lpreg::core {

struct TokenInputs {
  double log_prob, old_log_prob, advantage;
  double ref_log_prob, rollout_weight;
  double proxy_log_prob, log_kept_mass, kl, entropy;
  double weight;              // w of §4; 0 where 80/20 drops the token
  double sequence_log_ratio;  // GSPO: m_b
  uint32_t row_flags;         // LPREG_ROW_...
  // The part of the selection that needs the whole batch: inside the rho selection (paper, reference),
  // penalised (KL-Cov), zeroed (Clip-Cov), kept (80/20).
  bool preselected;
};

struct TokenResult {
  double loss;                           // l with rollout weight and Lp-Reg term
  double reference;                      // KLhat to the reference policy
  double policy_pull, regulariser_pull;  // |c_logp| of both terms, for pullRatio
  RowCoefficients coefficients;
  bool selected, clipped, dual_clipped;
};

LPREG_HD bool is_lp_reg(int32_t objective) {
  return objective == LPREG_LP_REG_PAPER || objective == LPREG_LP_REG_REFERENCE ||
         objective == LPREG_LP_REG_KEPT;
}

// Whether the token lies below its proxy, by the log-prob that selects.
// - From the same logits both differ by log Z alone: the kept mass decides, so that rounding cannot.
// - Stored proxies are float32, as the log-prob that they are compared with then is: where the filter dropped
//   nothing and the policy has not moved, both are equal, and rounding alone must not select the token.
LPREG_HD bool is_below_proxy(const lpreg_loss_options& options, const TokenInputs& in, double ranked) {
  if (options.row.proxy == LPREG_PROXY_STORED)
    return static_cast<float>(ranked) < static_cast<float>(in.proxy_log_prob);
  const bool same_row = options.row.proxy == LPREG_PROXY_CURRENT && options.select_on == LPREG_SELECT_CURRENT;
  const bool dropped_some = in.log_kept_mass < 0 && in.log_kept_mass > -kInfinity;  // -inf: uniform proxy
  if (same_row && dropped_some) return (in.row_flags & LPREG_ROW_ACTION_KEPT) != 0;
  return ranked < in.proxy_log_prob;
}

// Whether Lp-Reg regularises the token, given that it is inside the rho selection (§6).
LPREG_HD bool is_regularised(const lpreg_loss_options& options, const TokenInputs& in) {
  switch (options.objective) {
    case LPREG_LP_REG_PAPER:
      return in.preselected && in.advantage < 0 && (in.row_flags & LPREG_ROW_ACTION_KEPT);
    case LPREG_LP_REG_REFERENCE: {
      const double ranked = options.select_on == LPREG_SELECT_OLD ? in.old_log_prob : in.log_prob;
      return in.preselected && is_below_proxy(options, in, ranked);
    }
    case LPREG_LP_REG_KEPT:
      return in.advantage < 0 && is_below_proxy(options, in, in.log_prob) &&
             !(in.row_flags & LPREG_ROW_ACTION_IS_MAX);
    default:
      return false;
  }
}

LPREG_HD Surrogate clipped_by(const lpreg_loss_options& options, double log_ratio, double advantage) {
  return clipped_surrogate(log_ratio, advantage, options.clip_low, options.clip_high, options.dual_clip,
                           options.ratio_cap);
}

// GSPO: the sequence's ratio, capped at e^10, acts on every token of the sequence.
LPREG_HD Surrogate gspo_surrogate(const lpreg_loss_options& options, const TokenInputs& in) {
  const bool capped = in.sequence_log_ratio > kKlBound;
  Surrogate result = clipped_by(options, capped ? kKlBound : in.sequence_log_ratio, in.advantage);
  if (capped) result.derivative = 0;
  return result;
}

// CISPO: the clipped ratio is a constant weight of the policy gradient.
LPREG_HD Surrogate cispo_surrogate(const lpreg_loss_options& options, const TokenInputs& in,
                                   double log_ratio) {
  const double ratio = exp(log_ratio);
  const double constant = clamp(ratio, 1 - options.clip_low, 1 + options.clip_high);
  if (in.advantage == 0) return {0, 0, constant != ratio, false};
  const double slope = -constant * in.advantage;
  return {slope * in.log_prob, slope, constant != ratio, false};
}

// SAPO: a sigmoid gate in place of the clip; with an overflowed ratio the gate is closed.
LPREG_HD Surrogate sapo_surrogate(const lpreg_loss_options& options, double log_ratio, double advantage) {
  const double tau = advantage > 0 ? options.tau_positive : options.tau_negative;
  const double ratio = exp(log_ratio);
  const double decay = exp(-tau * (ratio - 1));
  const double gate = 1 / (1 + decay);
  // gate * (1 - gate) = decay * gate^2, which is 0 and not NaN where decay underflows against an infinite
  // ratio.
  const double slope = decay == 0 ? 0 : decay * gate * gate * ratio;
  return {-advantage * (4 / tau) * gate, -4 * advantage * slope, false, false};
}

// The policy term of a token before rollout weight and KL terms; derivative by logProb.
LPREG_HD Surrogate policy_term(const lpreg_loss_options& options, const TokenInputs& in, double log_ratio) {
  switch (options.objective) {
    case LPREG_GSPO:
      return gspo_surrogate(options, in);
    case LPREG_KL_COV:
      return unclipped_surrogate(log_ratio, in.advantage);
    case LPREG_CISPO:
      return cispo_surrogate(options, in, log_ratio);
    case LPREG_SAPO:
      return sapo_surrogate(options, log_ratio, in.advantage);
    default:
      return clipped_by(options, log_ratio, in.advantage);
  }
}

LPREG_HD TokenResult evaluate_token(const lpreg_loss_options& options, const TokenInputs& in) {
  const double log_ratio = in.log_prob - in.old_log_prob;
  Surrogate policy = policy_term(options, in, log_ratio);

  TokenResult result;
  result.clipped = policy.clipped;  // decided before any replacement below
  result.dual_clipped = policy.dual_clipped;
  result.selected = is_lp_reg(options.objective) ? is_regularised(options, in) : in.preselected;

  KlEstimate regulariser{0, 0};  // beta KL by logProb
  double coef_kl = 0;
  double full_kl = 0;
  if (result.selected) {
    if (options.objective == LPREG_LP_REG_PAPER) {
      coef_kl = in.weight * options.beta;
      full_kl = options.beta == 0 ? 0 : options.beta * in.kl;
    } else if (is_lp_reg(options.objective)) {
      policy = unclipped_surrogate(log_ratio, in.advantage);
      regulariser = kl_estimate(options.estimator, in.proxy_log_prob, in.log_prob);
      regulariser.value *= options.beta;
      regulariser.derivative *= options.beta;
    } else if (options.objective == LPREG_KL_COV) {
      const double sign = log_ratio > 0 ? 1.0 : (log_ratio < 0 ? -1.0 : 0.0);
      regulariser = {options.kl_cov_coef * fabs(log_ratio), options.kl_cov_coef * sign};
    } else if (options.objective == LPREG_CLIP_COV) {
      policy = {0, 0, false, false};
    }
  }

  KlEstimate reference{0, 0};
  if (options.reference_coef != 0) {
    reference = kl_estimate(options.reference_estimator, in.ref_log_prob, in.log_prob);
  }
  const double policy_slope = in.rollout_weight * policy.derivative;
  result.loss = in.rollout_weight * policy.loss + regulariser.value + full_kl;
  result.reference = reference.value;
  result.coefficients.log_prob =
      in.weight * (policy_slope + regulariser.derivative + options.reference_coef * reference.derivative);
  result.coefficients.entropy = options.entropy_coef == 0 ? 0 : -options.entropy_coef * in.weight;
  result.coefficients.kl = coef_kl;
  result.policy_pull = fabs(in.weight * policy_slope);
  result.regulariser_pull =
      coef_kl != 0 ? coef_kl * -expm1(in.log_kept_mass) : fabs(in.weight * regulariser.derivative);
  return result;
}

}  // namespace lpreg::core
