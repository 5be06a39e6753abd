#include "shards.h"

#include "../core/row_merge.h"
#include "row_loop.h"
#include "row_statistics.h"

namespace lpreg {
namespace {

void require(bool holds, lpreg_status status, const char* name, const char* message) {
  if (!holds) throw Failure{status, name, -1, message};
}

void check_shard_values(const RowCall& call, Shard shard) {
  check_shard(call, shard, Memory::kHost);
  check_mask(call.batch);
  if (call.batch.actions != nullptr) check_actions(BatchView(call.batch), shard.vocab_total);
}

int64_t local_action(const BatchView& view, int64_t row, Shard shard) {
  if (view.batch().actions == nullptr) return kNoAction;
  const int64_t local = view.action(row) - shard.vocab_start;
  return local >= 0 && local < view.vocab() ? local : kNoAction;
}

}  // namespace

void require_rows(const void* array, int64_t rows, const char* name) {
  require(array != nullptr || rows == 0, LPREG_ERR_MISSING, name, "must not be NULL");
}

void check_shard(const RowCall& call, Shard shard, Memory memory) {
  check_row_options(call.options);
  require(call.options.proxy == LPREG_PROXY_NONE || call.options.proxy == LPREG_PROXY_CURRENT,
          LPREG_ERR_OPTION, "proxy", "split statistics offer no proxy, or that of the current logits");
  check_layout(call.batch, memory);
  check_row_pointers(call.options, call.batch, false);
  require(shard.vocab_start >= 0 && shard.vocab_total <= INT32_MAX &&
              shard.vocab_start <= shard.vocab_total - call.batch.vocab,
          LPREG_ERR_SHAPE, "vocab_start", "the shard must lie inside [0, vocab_total)");
}

void check_shard_filter(const lpreg_row_options& options) {
  require(options.filter_kind != LPREG_FILTER_NONE, LPREG_ERR_OPTION, "filter_kind",
          "a kept set needs a filter");
}

void check_merge(const PartsCall& call, int64_t part_count, const void* parts, const void* merged) {
  require(call.rows >= 0, LPREG_ERR_SHAPE, "rows", "must not be negative");
  require(part_count >= 0, LPREG_ERR_SHAPE, "part_count", "must not be negative");
  require_rows(merged, call.rows, "merged");
  if (part_count > 0) require_rows(parts, call.rows, "parts");
}

void check_finalize(const PartsCall& call, const lpreg_row_options& options, const MergedRows& rows,
                    const lpreg_row_state* states) {
  check_row_options(options);
  require(call.rows >= 0, LPREG_ERR_SHAPE, "rows", "must not be negative");
  require(rows.vocab_total >= 1 && rows.vocab_total <= INT32_MAX, LPREG_ERR_SHAPE, "vocab_total",
          "must lie in [1, 2^31 - 1]");
  require_rows(rows.merged, call.rows, "merged");
  require_rows(states, call.rows, "states");
  if (options.filter_kind != LPREG_FILTER_NONE) require_rows(rows.kept, call.rows, "kept");
}

void row_parts(const RowCall& call, Shard shard, lpreg_row_part* parts) {
  check_shard_values(call, shard);
  const BatchView view(call.batch);
  require_rows(parts, view.rows(), "parts");
  for_each_row(call.context, view.rows(), view.row_cost(), call.call, [&](int64_t row, int) {
    parts[row] = core::empty_part();
    if (!view.valid(row)) return;
    parts[row] = row_part(call.context.kernels, call.options, view.row_view(call.batch.logits, row),
                          local_action(view, row, shard), true);
  });
}

void row_parts_merge(const PartsCall& call, const lpreg_row_options& options, int64_t part_count,
                     const lpreg_row_part* parts, lpreg_row_part* merged) {
  check_row_options(options);
  check_merge(call, part_count, parts, merged);
  for (int64_t row = 0; row < call.rows; ++row) {
    merged[row] = core::merge_row_parts(options, parts, part_count, call.rows, row);
  }
}

void row_kept_sums(const RowCall& call, Shard shard, const lpreg_row_part* merged, lpreg_row_kept* kept) {
  check_shard_values(call, shard);
  check_shard_filter(call.options);
  const BatchView view(call.batch);
  require_rows(merged, view.rows(), "merged");
  require_rows(kept, view.rows(), "kept");
  for_each_row(call.context, view.rows(), view.row_cost(), call.call, [&](int64_t row, int) {
    kept[row] = core::empty_kept();
    if (!view.valid(row) || !core::is_valid(merged[row])) return;
    kept[row] = row_kept(call.context.kernels, call.options, view.row_view(call.batch.logits, row),
                         merged[row].max, core::kept_rule(call.options, merged[row]));
  });
}

void row_kept_merge(const PartsCall& call, int64_t part_count, const lpreg_row_kept* kept,
                    lpreg_row_kept* merged) {
  check_merge(call, part_count, kept, merged);
  for (int64_t row = 0; row < call.rows; ++row) {
    merged[row] = core::merge_row_kept(kept, part_count, call.rows, row);
  }
}

void row_finalize(const PartsCall& call, const lpreg_row_options& options, const MergedRows& rows,
                  lpreg_row_state* states) {
  check_finalize(call, options, rows, states);
  for (int64_t row = 0; row < call.rows; ++row) {
    const bool valid = rows.mask == nullptr || rows.mask[row] != 0;
    states[row] = valid ? core::finalize_merged(options, rows.merged, rows.kept, rows.vocab_total, row)
                        : core::masked_state();
  }
}

void row_gradient(const RowCall& call, Shard shard, const lpreg_row_state* states,
                  const RowCotangents& cotangents, const lpreg_matrix& gradient) {
  check_shard_values(call, shard);
  require_rows(states, call.batch.rows, "states");
  write_gradient_rows(call, shard, states, nullptr, cotangents, gradient);
}

}  // namespace lpreg
