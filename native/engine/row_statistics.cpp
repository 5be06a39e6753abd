#include "row_statistics.h"

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "failure.h"
#include "short_row.h"

namespace lpreg {
namespace {

using core::KeptRule;

double not_negative(double value) { return value < 0 ? 0 : value; }  // NaN passes

}  // namespace

cpu::ExpParams exp_params(const lpreg_row_options& options) { return {options.temperature, options.softcap}; }

static float action_logit(cpu::RowView row, int64_t action) {
  const bool inside = action >= 0 && action < row.count;
  return inside ? load_element(row.data, row.dtype, action) : -HUGE_VALF;
}

lpreg_row_part row_part(const cpu::RowKernels& kernels, const lpreg_row_options& options, cpu::RowView row,
                        int64_t action, bool want_entropy) {
  lpreg_row_part part = core::empty_part();
  if (is_short_and_capped(options, row)) {
    short_row_part(options, row, &part);
  } else {
    kernels.part(row, exp_params(options), want_entropy, core::filter_needs_raw_sum(options), &part);
  }
  part.action_logit = action_logit(row, action);
  return part;
}

lpreg_row_kept row_kept(const cpu::RowKernels& kernels, const lpreg_row_options& options, cpu::RowView row,
                        float max, KeptRule rule) {
  lpreg_row_kept kept{};
  if (is_short_and_capped(options, row)) {
    short_row_kept(options, row, max, rule, &kept);
  } else {
    kernels.kept(row, exp_params(options), max, rule.cut, rule.uniform, &kept);
  }
  return kept;
}

lpreg_row_state row_state(const cpu::RowKernels& kernels, const lpreg_row_options& options, cpu::RowView row,
                          int64_t action, bool want_entropy) {
  const bool has_action = action != kNoAction;
  const bool one_sweep = options.filter_kind == LPREG_FILTER_MIN_P && !is_short_and_capped(options, row);
  lpreg_row_part part = core::empty_part();
  lpreg_row_kept kept{};
  if (one_sweep) {  // a min-p cut needs the maximum only: (a) and (b) together
    kernels.part_and_kept(row, exp_params(options), want_entropy, core::min_p_cut(options), &part, &kept);
    part.action_logit = action_logit(row, action);
  } else {
    part = row_part(kernels, options, row, action, want_entropy);
  }
  lpreg_row_state state = core::finalize_part(options, part, has_action);
  if (options.filter_kind == LPREG_FILTER_NONE || (state.flags & LPREG_ROW_NON_FINITE)) return state;
  const KeptRule rule = core::kept_rule(options, part);
  if (!one_sweep) kept = row_kept(kernels, options, row, part.max, rule);
  core::finalize_kept(options, part, kept, rule, row.count, has_action, &state);
  return state;
}

lpreg_row_state RowStatistics::compute(int64_t row, NextRow next, bool want_kl,
                                       lpreg_row_state* proxy_state) const {
  const lpreg_batch& batch = view_.batch();
  const int64_t action = batch.actions == nullptr ? kNoAction : view_.action(row);
  const cpu::RowView logits = view_.row_view(batch.logits, row, next);
  const bool own_proxy = options_.proxy == LPREG_PROXY_CURRENT;
  const lpreg_row_options options = own_proxy ? options_ : core::without_filter(options_);
  lpreg_row_state state = row_state(kernels_, options, logits, action, want_entropy_);
  // A sampled token must have had a probability.
  if (state.log_prob == -core::kInfinity) state = core::non_finite_state();
  if (state.flags & LPREG_ROW_NON_FINITE) return state;
  if (options_.proxy == LPREG_PROXY_OLD) add_old_proxy(row, action, want_kl, proxy_state, &state);
  if (options_.proxy == LPREG_PROXY_STORED) add_stored_proxy(row, &state);
  if (options_.proxy == LPREG_PROXY_SNAPSHOT) add_snapshot_proxy(row, action, want_kl, &state);
  return state;
}

// KL of the uniform proxy to the current policy: -log V - mean log p; infinite when a token has no
// probability.
double RowStatistics::kl_of_uniform(int64_t row, const lpreg_row_state& state) const {
  const lpreg_batch& batch = view_.batch();
  const KeptRule everything{-FLT_MAX, true};
  const lpreg_row_kept all =
      row_kept(kernels_, options_, view_.row_view(batch.logits, row), state.max, everything);
  if (all.count < batch.vocab) return core::kInfinity;
  const double vocab = static_cast<double>(batch.vocab);
  return not_negative(-std::log(vocab) - (all.linear / vocab - state.log_sum_exp));
}

void RowStatistics::add_old_proxy(int64_t row, int64_t action, bool want_kl, lpreg_row_state* proxy_state,
                                  lpreg_row_state* state) const {
  const lpreg_batch& batch = view_.batch();
  const cpu::RowView old = view_.row_view(batch.old_logits, row);
  *proxy_state = row_state(kernels_, options_, old, action, false);
  const lpreg_row_state& proxy = *proxy_state;
  if (proxy.flags & LPREG_ROW_NON_FINITE) {  // without its proxy the row has no defined loss
    *state = core::non_finite_state();
    return;
  }
  state->log_kept_mass = proxy.log_kept_mass;
  state->proxy_log_prob = proxy.proxy_log_prob;
  state->keep_count = proxy.keep_count;
  state->flags |= proxy.flags & (LPREG_ROW_UNIFORM | LPREG_ROW_ACTION_KEPT);
  if (!want_kl) return;
  if (proxy.flags & LPREG_ROW_UNIFORM) {
    state->kl = kl_of_uniform(row, *state);
    return;
  }
  const double log_mass = proxy.log_sum_exp + proxy.log_kept_mass;  // log sum_K exp((z_old - max)/t)
  const double cross = kernels_.cross(view_.row_view(batch.logits, row), state->max, old, proxy.max,
                                      proxy.cut, exp_params(options_));
  state->kl = not_negative(cross * std::exp(-log_mass) + state->log_sum_exp - log_mass);
}

void RowStatistics::add_stored_proxy(int64_t row, lpreg_row_state* state) const {
  if (view_.batch().proxy_log_probs == nullptr) return;
  state->proxy_log_prob = view_.batch().proxy_log_probs[row];
}

void RowStatistics::add_snapshot_proxy(int64_t row, int64_t action, bool want_kl,
                                       lpreg_row_state* state) const {
  const lpreg_batch& batch = view_.batch();
  const lpreg_snapshot& snapshot = *batch.proxy_snapshot;
  const int64_t begin = snapshot.row_ptr[row];
  const int64_t end = snapshot.row_ptr[row + 1];
  state->log_kept_mass = snapshot.log_kept_mass[row];
  if (snapshot.uniform[row] != 0) {
    state->flags |= LPREG_ROW_UNIFORM | LPREG_ROW_ACTION_KEPT;
    state->keep_count = static_cast<int32_t>(batch.vocab);
    state->proxy_log_prob = -std::log(static_cast<double>(batch.vocab));
    if (want_kl) state->kl = kl_of_uniform(row, *state);
    return;
  }
  state->keep_count = static_cast<int32_t>(end - begin);
  const int32_t* found = std::lower_bound(snapshot.ids + begin, snapshot.ids + end, action);
  const bool inside = found != snapshot.ids + end && *found == action;
  if (inside) state->flags |= LPREG_ROW_ACTION_KEPT;
  state->proxy_log_prob = inside ? snapshot.log_q[found - snapshot.ids] : -core::kInfinity;
  if (!want_kl) return;
  const cpu::RowView logits = view_.row_view(batch.logits, row);
  double kl = 0;
  for (int64_t k = begin; k < end; ++k) {
    const float logit = load_element(logits.data, logits.dtype, snapshot.ids[k]);
    const double log_p = core::scaled_offset(logit, state->max, options_) - state->log_sum_exp;
    kl += std::exp(static_cast<double>(snapshot.log_q[k])) * (snapshot.log_q[k] - log_p);
  }
  state->kl = not_negative(kl);
}

void check_states(const BatchView& view, const lpreg_row_state* states, const lpreg_row_state* proxy_states) {
  for (int64_t row = 0; row < view.rows(); ++row) {
    if (!(states[row].flags & LPREG_ROW_NON_FINITE)) continue;
    if (proxy_states != nullptr && (proxy_states[row].flags & LPREG_ROW_NON_FINITE)) {
      throw Failure{LPREG_ERR_NON_FINITE_LOGITS, "old_logits", row,
                    "a valid row holds NaN, +inf or only -inf"};
    }
    throw Failure{LPREG_ERR_NON_FINITE_LOGITS, "logits", row,
                  "a valid row holds NaN, +inf or only -inf, or its action is at -inf"};
  }
}

}  // namespace lpreg
