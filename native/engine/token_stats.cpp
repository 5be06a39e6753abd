#include "token_stats.h"

#include <cmath>

#include "objective_stage.h"
#include "row_gradients.h"
#include "row_loop.h"
#include "row_statistics.h"
#include "validate.h"

namespace lpreg {
namespace {

void require(bool holds, lpreg_status status, const char* name, const char* message) {
  if (!holds) throw Failure{status, name, -1, message};
}

void check_cotangents(const BatchView& view, const RowCotangents& cotangents) {
  check_finite_rows(view, cotangents.log_prob, "d_log_prob");
  check_finite_rows(view, cotangents.entropy, "d_entropy");
  check_finite_rows(view, cotangents.kl, "d_kl");
}

double value_at(const float* array, int64_t row) { return array == nullptr ? 0 : array[row]; }

// Written by the pass itself where a KL is infinite: a kept token of the old policy has no probability any
// more.
void check_kl(const BatchView& view, const lpreg_row_state* states) {
  for (int64_t row = 0; row < view.rows(); ++row) {
    if (view.valid(row) && !std::isfinite(states[row].kl)) {
      throw Failure{LPREG_ERR_NON_FINITE_LOSS, "logits", row,
                    "KL(q||p) is infinite: a kept token is at -inf"};
    }
  }
}

void check_gradient_call(const RowCall& call, const RowCotangents& cotangents, const lpreg_matrix& gradient) {
  check_gradient(call.batch, gradient);
  check_cotangents(BatchView(call.batch), cotangents);
  check_cotangent_pointers(call, cotangents);
}

}  // namespace

void check_row_stats_options(const lpreg_row_options& options) {
  check_row_options(options);
  require(options.proxy != LPREG_PROXY_STORED, LPREG_ERR_OPTION, "proxy",
          "stored log-probs need no statistics: hand them to the objective");
}

void check_row_states(const RowCall& call, const lpreg_row_state* states,
                      const lpreg_row_state* proxy_states) {
  if (call.batch.rows == 0) return;
  require(states != nullptr, LPREG_ERR_MISSING, "states", "must not be NULL");
  const bool old_proxy = call.options.proxy == LPREG_PROXY_OLD;
  require((proxy_states != nullptr) == old_proxy, LPREG_ERR_MISSING, "proxy_states",
          "goes with a proxy from old logits, and only with it");
}

void check_cotangent_pointers(const RowCall& call, const RowCotangents& cotangents) {
  const bool needs_actions = cotangents.log_prob != nullptr && call.batch.rows > 0;
  require(!needs_actions || call.batch.actions != nullptr, LPREG_ERR_MISSING, "actions",
          "d_log_prob needs them");
  require(cotangents.kl == nullptr || call.options.proxy != LPREG_PROXY_NONE, LPREG_ERR_OPTION_WITHOUT_EFFECT,
          "d_kl", "without a proxy there is no KL");
}

void write_gradient_rows(const RowCall& call, Shard shard, const lpreg_row_state* states,
                         const lpreg_row_state* proxy_states, const RowCotangents& cotangents,
                         const lpreg_matrix& gradient) {
  const BatchView view(call.batch);
  check_gradient_call(call, cotangents, gradient);
  RowGradients gradients(call.context, call.options, view, gradient, shard.vocab_start, shard.vocab_total);
  const auto write_row = [&](int64_t row, int64_t next, int slot) {
    const core::RowCoefficients coefficients{value_at(cotangents.log_prob, row),
                                             value_at(cotangents.entropy, row), value_at(cotangents.kl, row)};
    const bool valid = view.valid(row);
    gradients.write(row, {next, cpu::Sweeps::kGradient}, valid ? states[row] : core::masked_state(),
                    proxy_states == nullptr ? nullptr : proxy_states + row, coefficients, slot);
  };
  gradients.watch(
      [&] { for_each_row_back(call.context, view.rows(), view.row_cost(), call.call, write_row); });
}

void check_token_stats(const RowCall& call, const lpreg_row_state* states,
                       const lpreg_row_state* proxy_states) {
  check_row_stats_options(call.options);
  check_layout(call.batch);
  check_row_inputs(call.options, BatchView(call.batch), false);
  check_row_states(call, states, proxy_states);
}

void check_token_stats_backward(const RowCall& call, const lpreg_row_state* states,
                                const lpreg_row_state* proxy_states, const RowCotangents& cotangents,
                                const lpreg_matrix& gradient) {
  check_token_stats(call, states, proxy_states);
  check_gradient_call(call, cotangents, gradient);
}

void token_stats(const RowCall& call, int32_t non_finite, lpreg_row_state* states,
                 lpreg_row_state* proxy_states, const lpreg_token_outputs* outputs) {
  check_token_stats(call, states, proxy_states);
  require(non_finite == LPREG_NON_FINITE_ERROR || non_finite == LPREG_NON_FINITE_PROPAGATE, LPREG_ERR_TYPE,
          "non_finite", "not a value of its enumeration");
  check_outputs(call.batch, outputs, nullptr);
  const BatchView view(call.batch);
  const bool want_kl = outputs != nullptr && outputs->kl != nullptr;
  const RowStatistics statistics(call.context, call.options, view, true);
  const auto compute = [&](int64_t row, int64_t next, int) {
    if (proxy_states != nullptr) proxy_states[row] = core::masked_state();
    lpreg_row_state* proxy = proxy_states == nullptr ? nullptr : proxy_states + row;
    states[row] = view.valid(row) ? statistics.compute(row, {next}, want_kl, proxy) : core::masked_state();
  };
  for_each_row_ahead(call.context, view.rows(), view.row_cost(), call.call, compute);
  if (non_finite == LPREG_NON_FINITE_ERROR) {
    check_states(view, states, proxy_states);
    if (want_kl) check_kl(view, states);
  }
  if (outputs == nullptr) return;
  for (int64_t row = 0; row < view.rows(); ++row)
    core::write_row_statistics(*outputs, call.options, row, states[row]);
}

void token_stats_backward(const RowCall& call, const lpreg_row_state* states,
                          const lpreg_row_state* proxy_states, const RowCotangents& cotangents,
                          const lpreg_matrix& gradient) {
  check_token_stats(call, states, proxy_states);
  write_gradient_rows(call, {0, call.batch.vocab}, states, proxy_states, cotangents, gradient);
}

}  // namespace lpreg
