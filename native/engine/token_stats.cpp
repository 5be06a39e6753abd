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

void check_row_call(const RowCall& call) {
  check_row_stats_options(call.options);
  check_layout(call.batch);
  check_row_inputs(call.options, BatchView(call.batch), false);
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

void write_gradient_rows(const RowCall& call, Shard shard, const lpreg_row_state* states,
                         const lpreg_row_state* proxy_states, const RowCotangents& cotangents,
                         const lpreg_matrix& gradient) {
  const BatchView view(call.batch);
  check_gradient(call.batch, gradient);
  check_cotangents(view, cotangents);
  check_cotangent_pointers(call, cotangents);
  RowGradients gradients(call.context, call.options, view, gradient, shard.vocab_start, shard.vocab_total);
  for_each_row(call.context, view.rows(), view.vocab(), call.call, LPREG_CONSUMED,
               [&](int64_t row, int slot) {
                 const core::RowCoefficients coefficients{value_at(cotangents.log_prob, row),
                                                          value_at(cotangents.entropy, row),
                                                          value_at(cotangents.kl, row)};
                 const bool valid = view.valid(row);
                 gradients.write(row, kNoRow, valid ? states[row] : core::masked_state(),
                                 proxy_states == nullptr ? nullptr : proxy_states + row, coefficients, slot);
               });
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

void token_stats(const RowCall& call, int32_t non_finite, lpreg_row_state* states,
                 lpreg_row_state* proxy_states, const lpreg_token_outputs* outputs) {
  check_row_call(call);
  const BatchView view(call.batch);
  check_row_states(call, states, proxy_states);
  const bool want_kl = outputs != nullptr && outputs->kl != nullptr;
  const RowStatistics statistics(call.context, call.options, view, true);
  const auto compute = [&](int64_t row, int64_t next, int) {
    if (proxy_states != nullptr) proxy_states[row] = core::masked_state();
    lpreg_row_state* proxy = proxy_states == nullptr ? nullptr : proxy_states + row;
    states[row] = view.valid(row) ? statistics.compute(row, next, want_kl, proxy) : core::masked_state();
  };
  for_each_row_ahead(call.context, view.rows(), view.vocab(), call.call, LPREG_UNTOUCHED, compute);
  if (non_finite == LPREG_NON_FINITE_ERROR) {
    check_states(view, states, proxy_states, LPREG_UNTOUCHED);
    if (want_kl) check_kl(view, states);
  }
  if (outputs == nullptr) return;
  for (int64_t row = 0; row < view.rows(); ++row)
    core::write_row_statistics(*outputs, call.options, row, states[row]);
}

void token_stats_backward(const RowCall& call, const lpreg_row_state* states,
                          const lpreg_row_state* proxy_states, const RowCotangents& cotangents,
                          const lpreg_matrix& gradient) {
  check_row_call(call);
  check_row_states(call, states, proxy_states);
  write_gradient_rows(call, {0, call.batch.vocab}, states, proxy_states, cotangents, gradient);
}

// ------------------------------------------------------------------------------------------------ split
// statistics

namespace {

void check_shard_call(const RowCall& call, Shard shard) {
  check_row_options(call.options);
  require(call.options.proxy == LPREG_PROXY_NONE || call.options.proxy == LPREG_PROXY_CURRENT,
          LPREG_ERR_OPTION, "proxy", "split statistics offer no proxy, or that of the current logits");
  check_layout(call.batch);
  check_matrix(call.batch, call.batch.logits, "logits");
  check_mask(call.batch);
  require(shard.vocab_start >= 0 && shard.vocab_total <= INT32_MAX &&
              shard.vocab_start <= shard.vocab_total - call.batch.vocab,
          LPREG_ERR_SHAPE, "vocab_start", "the shard must lie inside [0, vocab_total)");
  if (call.batch.actions != nullptr) check_actions(BatchView(call.batch), shard.vocab_total);
}

int64_t local_action(const BatchView& view, int64_t row, Shard shard) {
  if (view.batch().actions == nullptr) return kNoAction;
  const int64_t local = view.action(row) - shard.vocab_start;
  return local >= 0 && local < view.vocab() ? local : kNoAction;
}

}  // namespace

void row_parts(const RowCall& call, Shard shard, lpreg_row_part* parts) {
  check_shard_call(call, shard);
  const BatchView view(call.batch);
  for_each_row(call.context, view.rows(), view.vocab(), call.call, LPREG_UNTOUCHED, [&](int64_t row, int) {
    parts[row] = core::empty_part();
    if (!view.valid(row)) return;
    parts[row] = row_part(call.context.kernels, call.options, view.row_view(call.batch.logits, row),
                          local_action(view, row, shard), true);
  });
}

void row_parts_merge(const lpreg_row_options& options, int64_t rows, int64_t part_count,
                     const lpreg_row_part* parts, lpreg_row_part* merged) {
  check_row_options(options);
  for (int64_t row = 0; row < rows; ++row) {
    lpreg_row_part sum = core::empty_part();
    for (int64_t k = 0; k < part_count; ++k) sum = core::merge_parts(sum, parts[k * rows + row], options);
    merged[row] = sum;
  }
}

void row_kept_sums(const RowCall& call, Shard shard, const lpreg_row_part* merged, lpreg_row_kept* kept) {
  check_shard_call(call, shard);
  require(call.options.filter_kind != LPREG_FILTER_NONE, LPREG_ERR_OPTION, "filter_kind",
          "a kept set needs a filter");
  const BatchView view(call.batch);
  for_each_row(call.context, view.rows(), view.vocab(), call.call, LPREG_UNTOUCHED, [&](int64_t row, int) {
    kept[row] = lpreg_row_kept{};
    if (!view.valid(row) || !core::is_valid(merged[row])) return;
    kept[row] = row_kept(call.context.kernels, call.options, view.row_view(call.batch.logits, row),
                         merged[row].max, core::kept_rule(call.options, merged[row]));
  });
}

void row_kept_merge(int64_t rows, int64_t part_count, const lpreg_row_kept* kept, lpreg_row_kept* merged) {
  for (int64_t row = 0; row < rows; ++row) {
    lpreg_row_kept sum{};
    for (int64_t k = 0; k < part_count; ++k) {
      const lpreg_row_kept& part = kept[k * rows + row];
      sum.kept_rest += part.kept_rest;
      sum.dropped += part.dropped;
      sum.linear += part.linear;
      sum.count += part.count;
    }
    merged[row] = sum;
  }
}

void row_finalize(const lpreg_row_options& options, int64_t rows, int64_t vocab_total, const uint8_t* mask,
                  const lpreg_row_part* merged, const lpreg_row_kept* kept, lpreg_row_state* states) {
  check_row_options(options);
  const bool filtered = options.filter_kind != LPREG_FILTER_NONE;
  require(!filtered || kept != nullptr, LPREG_ERR_MISSING, "kept", "a filter needs it");
  for (int64_t row = 0; row < rows; ++row) {
    states[row] = core::masked_state();
    if (mask != nullptr && mask[row] == 0) continue;
    states[row] = core::finalize_part(options, merged[row], true);
    if (!filtered || (states[row].flags & LPREG_ROW_NON_FINITE)) continue;
    const core::KeptRule rule = core::kept_rule(options, merged[row]);
    core::finalize_kept(options, merged[row], kept[row], rule, vocab_total, true, &states[row]);
  }
}

void row_gradient(const RowCall& call, Shard shard, const lpreg_row_state* states,
                  const RowCotangents& cotangents, const lpreg_matrix& gradient) {
  check_shard_call(call, shard);
  write_gradient_rows(call, shard, states, nullptr, cotangents, gradient);
}

}  // namespace lpreg
