// One row's statistics in closed form (SEMANTICS §1): from the sums that a sweep leaves behind to log-prob,
// entropy, kept set and KL. The sweeps themselves differ between back ends; everything here is shared.
#pragma once

#include <cfloat>
#include <cmath>
#include <cstdint>

#include "../include/lpreg.h"
#include "host_device.h"

namespace lpreg::core {

constexpr double kInfinity = HUGE_VAL;

LPREG_HD double softcapped(double logit, double softcap) {
  // A token masked by -inf stays masked: the cap must not revive it.
  if (softcap == 0 || logit == -kInfinity) return logit;
  return softcap * tanh(logit / softcap);
}

LPREG_HD double softcap_derivative(double logit, double softcap) {
  if (softcap == 0) return 1;
  const double ratio = tanh(logit / softcap);
  return 1 - ratio * ratio;
}

// (logit - max)/t after the softcap; the difference is formed before the division (§1).
LPREG_HD double scaled_offset(float logit, float max, const lpreg_row_options& options) {
  const double difference =
      softcapped(logit, options.softcap) - softcapped(max, options.softcap);  // exact without softcap
  return difference / options.temperature;
}

LPREG_HD bool is_valid(const lpreg_row_part& part) { return part.max_count > 0 && part.rest == part.rest; }

// log sum exp((z - max)/t): 0 or more, and precise where one token holds almost all of the mass.
LPREG_HD double log_sum_exp(const lpreg_row_part& part) { return log1p((part.max_count - 1) + part.rest); }

LPREG_HD bool filter_needs_raw_sum(const lpreg_row_options& options) {
  return options.filter_kind == LPREG_FILTER_FIXED && options.filter_on == LPREG_ON_RAW;
}

// The current row's options where the proxy is another policy's.
LPREG_HD lpreg_row_options without_filter(lpreg_row_options options) {
  options.filter_kind = LPREG_FILTER_NONE;
  return options;
}

// ------------------------------------------------------------------------------------------------ merging
// parts

LPREG_HD lpreg_row_part empty_part() {
  lpreg_row_part part;
  part.max = -HUGE_VALF;
  part.action_logit = -HUGE_VALF;
  part.max_count = part.rest = part.moment = part.raw_rest = 0;
  return part;
}

// Merges two parts of a row; an empty part (all -inf) weighs nothing.
LPREG_HD lpreg_row_part merge_parts(const lpreg_row_part& a, const lpreg_row_part& b,
                                    const lpreg_row_options& options) {
  const lpreg_row_part high = a.max >= b.max ? a : b;  // copies, which a kernel can keep in registers
  const lpreg_row_part low = a.max >= b.max ? b : a;
  lpreg_row_part merged = high;
  merged.action_logit = a.action_logit > b.action_logit ? a.action_logit : b.action_logit;
  if (a.action_logit != a.action_logit || b.action_logit != b.action_logit) merged.action_logit = NAN;
  if (low.max_count == 0) {
    merged.rest += low.rest;  // 0, or NaN from a part with NaN
    return merged;
  }
  if (low.max == high.max) {
    merged.max_count += low.max_count;
    merged.rest += low.rest;
    merged.moment += low.moment;
    merged.raw_rest += low.raw_rest;
    return merged;
  }
  const double shift = scaled_offset(low.max, high.max, options);
  const double factor = exp(shift);
  merged.rest += factor * (low.max_count + low.rest);
  // A part that underflows against the other weighs nothing, and 0 * -inf must not appear.
  if (factor > 0) merged.moment += factor * (low.moment + shift * (low.max_count + low.rest));
  if (filter_needs_raw_sum(options)) {
    merged.raw_rest += exp(shift * options.temperature) * (low.max_count + low.raw_rest);
  }
  return merged;
}

// ---------------------------------------------------------------------------------------------------- kept
// set

struct KeptRule {
  float cut;     // token v is in K iff z_v - max >= cut (softcapped z)
  bool uniform;  // nothing passed the fixed filter, and q = 1/V on all of V
};

// -inf would let masked tokens pass (-inf >= -inf), so "every finite token" is the lowest finite cut.
LPREG_HD float finite_cut(double cut) { return cut < -FLT_MAX ? -FLT_MAX : static_cast<float>(cut); }

LPREG_HD float min_p_cut(const lpreg_row_options& options) {
  const double log_kappa = log(options.filter_value);
  return finite_cut(options.filter_on == LPREG_ON_RAW ? log_kappa : log_kappa * options.temperature);
}

LPREG_HD KeptRule kept_rule(const lpreg_row_options& options, const lpreg_row_part& part) {
  if (options.filter_kind == LPREG_FILTER_MIN_P) return {min_p_cut(options), false};
  const bool raw = options.filter_on == LPREG_ON_RAW;
  const double lse = raw ? log1p((part.max_count - 1) + part.raw_rest) : log_sum_exp(part);
  const double log_threshold = log(options.filter_value) + lse;  // of exp(d), against the maximiser's 0
  if (log_threshold <= 0)
    return {finite_cut(raw ? log_threshold : log_threshold * options.temperature), false};
  if (options.filter_empty == LPREG_EMPTY_UNIFORM) return {-FLT_MAX, true};
  return {0.0f, false};  // argmax: all exact maximisers
}

LPREG_HD double log_kept_mass(const lpreg_row_part& part, const lpreg_row_kept& kept) {
  if (kept.dropped == 0) return 0;
  const double total = part.max_count + part.rest;
  if (kept.dropped < 0.5 * total) return log1p(-kept.dropped / total);
  return log((part.max_count + kept.kept_rest) / total);
}

// ---------------------------------------------------------------------------------------------------
// finalising

LPREG_HD lpreg_row_state masked_state() {
  lpreg_row_state state;
  state.max = state.cut = 0;
  state.log_sum_exp = state.action_offset = state.log_prob = state.entropy = 0;
  state.log_kept_mass = state.proxy_log_prob = state.kl = 0;
  state.keep_count = 0;
  state.flags = LPREG_ROW_MASKED;
  return state;
}

LPREG_HD lpreg_row_state non_finite_state() {
  lpreg_row_state state = masked_state();
  state.log_sum_exp = state.action_offset = state.log_prob = state.entropy = NAN;
  state.log_kept_mass = state.proxy_log_prob = state.kl = NAN;
  state.flags = LPREG_ROW_NON_FINITE;
  return state;
}

// Statistics without a filter. An action at -inf is a non-finite row; `has_action` false leaves log_prob at
// 0.
LPREG_HD lpreg_row_state finalize_part(const lpreg_row_options& options, const lpreg_row_part& part,
                                       bool has_action) {
  if (!is_valid(part)) return non_finite_state();
  lpreg_row_state state = masked_state();
  state.flags = 0;
  state.max = part.max;
  state.log_sum_exp = log_sum_exp(part);
  const double entropy = state.log_sum_exp - part.moment / (part.max_count + part.rest);
  state.entropy = entropy > 0 ? entropy : 0;
  if (!has_action) return state;
  if (part.action_logit == part.max) state.flags |= LPREG_ROW_ACTION_IS_MAX;
  state.action_offset = scaled_offset(part.action_logit, part.max, options);
  state.log_prob = state.action_offset - state.log_sum_exp;
  return state;
}

// Whether a token is in K; without softcap the very comparison that the sweeps make.
LPREG_HD bool uncapped_passes(float logit, float max, float cut) { return logit - max >= cut; }
LPREG_HD bool offset_passes(const lpreg_row_options& options, float logit, float max, float cut) {
  if (options.softcap == 0) return uncapped_passes(logit, max, cut);
  return static_cast<float>(scaled_offset(logit, max, options) * options.temperature) >= cut;
}

// log q of a kept token, given its (z - max)/t. Rounding must not lift it above 0.
LPREG_HD double log_q(double offset, const lpreg_row_state& state) {
  const double value = offset - state.log_sum_exp - state.log_kept_mass;
  return value < 0 ? value : 0;
}

// Adds kept set, proxy and KL(q||p) of a proxy taken from these same logits.
LPREG_HD void finalize_kept(const lpreg_row_options& options, const lpreg_row_part& part,
                            const lpreg_row_kept& kept, KeptRule rule, int64_t vocab, bool has_action,
                            lpreg_row_state* state) {
  state->cut = rule.cut;
  if (rule.uniform) {
    const double log_vocab = log(static_cast<double>(vocab));
    state->flags |= LPREG_ROW_UNIFORM | LPREG_ROW_ACTION_KEPT;
    state->log_kept_mass = -kInfinity;
    state->proxy_log_prob = -log_vocab;
    state->keep_count = static_cast<int32_t>(vocab);
    const double mean_log_prob = kept.linear / static_cast<double>(vocab) - state->log_sum_exp;
    const double kl = -log_vocab - mean_log_prob;
    state->kl = kept.count < vocab ? kInfinity : (kl > 0 ? kl : 0);
    return;
  }
  state->log_kept_mass = log_kept_mass(part, kept);
  state->keep_count = static_cast<int32_t>(kept.count);
  state->kl = 0 - state->log_kept_mass;  // never -0
  if (!has_action) return;
  const bool inside = offset_passes(options, part.action_logit, part.max, rule.cut);
  if (inside) state->flags |= LPREG_ROW_ACTION_KEPT;
  state->proxy_log_prob = inside ? log_q(state->action_offset, *state) : -kInfinity;
}

}  // namespace lpreg::core
