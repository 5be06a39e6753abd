// Whether a token lies below its proxy, where the proxy comes from the same logits: log q differs from log p
// by log Z alone, so the kept mass decides, and nothing that rounding does to either log-prob.
#include <initializer_list>

#include "check.h"
#include "core/token_objective.h"

namespace {

using namespace lpreg;

lpreg_loss_options lp_reg(int32_t objective) {
  lpreg_loss_options options{};
  options.objective = objective;
  options.row.temperature = 1;
  options.row.proxy = LPREG_PROXY_CURRENT;
  options.row.filter_kind = LPREG_FILTER_MIN_P;
  options.row.filter_value = 0.01;
  return options;
}

// A row of a maximiser, the action `offset` below it and a tail of mass `dropped` that the filter cuts off.
// `error` is what a back end's sums are off by.
bool is_selected(const lpreg_loss_options& options, float offset, double dropped, double error) {
  lpreg_row_part part = core::empty_part();
  part.max = 0;
  part.max_count = 1;
  part.action_logit = offset;
  const double action = std::exp(static_cast<double>(offset)) * (1 + error);
  part.rest = action + dropped;
  lpreg_row_state state = core::finalize_part(options.row, part, true);
  const lpreg_row_kept kept{action, dropped, 0, 2};
  core::finalize_kept(options.row, part, kept, core::kept_rule(options.row, part), 3, true, &state);
  core::TokenInputs in{};
  in.log_prob = state.log_prob;
  in.proxy_log_prob = state.proxy_log_prob;
  in.log_kept_mass = state.log_kept_mass;
  in.row_flags = state.flags;
  in.advantage = -1;
  in.preselected = true;
  return core::is_regularised(options, in);
}

void test_tail_however_thin_puts_the_action_below_its_proxy(const lpreg_loss_options& options) {
  for (const double dropped : {1e-30, 1e-17, 1e-16, 2e-16, 3e-16, 4e-16, 5e-16, 1e-15, 1e-3}) {
    for (int step = 0; step < 400; ++step) {
      const float offset = -0.01f * static_cast<float>(step + 1);
      for (const double error : {-1e-8, 0.0, 1e-8}) CHECK(is_selected(options, offset, dropped, error));
    }
  }
}

void test_nothing_dropped_leaves_the_action_at_its_proxy(const lpreg_loss_options& options) {
  for (int step = 0; step < 400; ++step) {
    const float offset = -0.01f * static_cast<float>(step + 1);
    for (const double error : {-1e-8, 0.0, 1e-8}) CHECK(!is_selected(options, offset, 0, error));
  }
}

void test_arrays_without_kept_mass_are_compared() {
  const lpreg_loss_options options = lp_reg(LPREG_LP_REG_KEPT);
  core::TokenInputs in{};
  in.advantage = -1;
  in.log_prob = -2;
  in.row_flags = LPREG_ROW_ACTION_KEPT;
  for (const double proxy : {-1.5, -2.0, -2.5}) {
    in.proxy_log_prob = proxy;
    CHECK(core::is_regularised(options, in) == (proxy > -2));
  }
}

void test_log_probs_ranked_by_the_old_policy_are_compared() {
  lpreg_loss_options options = lp_reg(LPREG_LP_REG_REFERENCE);
  options.select_on = LPREG_SELECT_OLD;
  core::TokenInputs in{};
  in.advantage = -1;
  in.preselected = true;
  in.row_flags = LPREG_ROW_ACTION_KEPT;
  in.log_prob = -2;
  in.log_kept_mass = -0.1;
  in.proxy_log_prob = -1.9;
  in.old_log_prob = -1;
  CHECK(!core::is_regularised(options, in));
  in.old_log_prob = -3;
  CHECK(core::is_regularised(options, in));
}

void test_uniform_proxy_is_compared() {
  const lpreg_loss_options options = lp_reg(LPREG_LP_REG_KEPT);
  core::TokenInputs in{};
  in.advantage = -1;
  in.log_kept_mass = -core::kInfinity;
  in.row_flags = LPREG_ROW_ACTION_KEPT;  // all that arrays tell
  in.proxy_log_prob = -std::log(3.0);
  in.log_prob = -0.5;
  CHECK(!core::is_regularised(options, in));
  in.log_prob = -1.5;
  CHECK(core::is_regularised(options, in));
}

}  // namespace

int main() {
  for (const int32_t objective : {LPREG_LP_REG_KEPT, LPREG_LP_REG_REFERENCE}) {
    test_tail_however_thin_puts_the_action_below_its_proxy(lp_reg(objective));
    test_nothing_dropped_leaves_the_action_at_its_proxy(lp_reg(objective));
  }
  test_arrays_without_kept_mass_are_compared();
  test_log_probs_ranked_by_the_old_policy_are_compared();
  test_uniform_proxy_is_compared();
  return lpreg::test::finish();
}
