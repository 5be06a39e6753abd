#include "api_pieces.h"

#include "api_arguments.h"
#include "shards.h"
#include "snapshot.h"

namespace lpreg {
namespace {

PartsCall parts_call(lpreg_context* context, int64_t rows, const lpreg_call* call) {
  check_optional(nullptr, call);
  return {deref(context, "context"), rows, call};
}

}  // namespace

lpreg_status api_row_parts(lpreg_context* context, const lpreg_row_options* options, const lpreg_batch* batch,
                           int64_t vocab_start, int64_t vocab_total, lpreg_row_part* parts,
                           const lpreg_call* call, lpreg_error* error) {
  return guard(error, [&] {
    const RowCall run = row_call(context, options, batch, call);
    const Shard shard{vocab_start, vocab_total};
    const auto lock = run.context.in_use();
    if (run.context.device != nullptr) return run.context.device->row_parts(run, shard, parts);
    row_parts(run, shard, parts);
  });
}

lpreg_status api_row_parts_merge(lpreg_context* context, const lpreg_row_options* options, int64_t rows,
                                 int64_t part_count, const lpreg_row_part* parts, lpreg_row_part* merged,
                                 const lpreg_call* call, lpreg_error* error) {
  return guard(error, [&] {
    const PartsCall run = parts_call(context, rows, call);
    const lpreg_row_options& row = deref(options, "options");
    const auto lock = run.context.in_use();
    if (run.context.device != nullptr) {
      return run.context.device->row_parts_merge(run, row, part_count, parts, merged);
    }
    row_parts_merge(run, row, part_count, parts, merged);
  });
}

lpreg_status api_row_kept(lpreg_context* context, const lpreg_row_options* options, const lpreg_batch* batch,
                          int64_t vocab_start, int64_t vocab_total, const lpreg_row_part* merged,
                          lpreg_row_kept* kept, const lpreg_call* call, lpreg_error* error) {
  return guard(error, [&] {
    const RowCall run = row_call(context, options, batch, call);
    const Shard shard{vocab_start, vocab_total};
    const auto lock = run.context.in_use();
    if (run.context.device != nullptr) return run.context.device->row_kept(run, shard, merged, kept);
    row_kept_sums(run, shard, merged, kept);
  });
}

lpreg_status api_row_kept_merge(lpreg_context* context, int64_t rows, int64_t part_count,
                                const lpreg_row_kept* kept, lpreg_row_kept* merged, const lpreg_call* call,
                                lpreg_error* error) {
  return guard(error, [&] {
    const PartsCall run = parts_call(context, rows, call);
    const auto lock = run.context.in_use();
    if (run.context.device != nullptr) {
      return run.context.device->row_kept_merge(run, part_count, kept, merged);
    }
    row_kept_merge(run, part_count, kept, merged);
  });
}

lpreg_status api_row_finalize(lpreg_context* context, const lpreg_row_options* options, int64_t rows,
                              int64_t vocab_total, const uint8_t* mask, const lpreg_row_part* merged,
                              const lpreg_row_kept* kept, lpreg_row_state* states, const lpreg_call* call,
                              lpreg_error* error) {
  return guard(error, [&] {
    const PartsCall run = parts_call(context, rows, call);
    const MergedRows arrays{vocab_total, mask, merged, kept};
    const lpreg_row_options& row = deref(options, "options");
    const auto lock = run.context.in_use();
    if (run.context.device != nullptr) return run.context.device->row_finalize(run, row, arrays, states);
    row_finalize(run, row, arrays, states);
  });
}

lpreg_status api_row_gradient(lpreg_context* context, const lpreg_row_options* options,
                              const lpreg_batch* batch, int64_t vocab_start, int64_t vocab_total,
                              const lpreg_row_state* states, const float* d_log_prob, const float* d_entropy,
                              const float* d_kl, const lpreg_matrix* gradient, const lpreg_call* call,
                              lpreg_error* error) {
  return guard(error, [&] {
    const RowCall run = row_call(context, options, batch, call);
    const Shard shard{vocab_start, vocab_total};
    const RowCotangents cotangents{d_log_prob, d_entropy, d_kl};
    const lpreg_matrix& out = deref(gradient, "gradient");
    const auto lock = run.context.in_use();
    if (run.context.device != nullptr) {
      return run.context.device->row_gradient(run, shard, states, cotangents, out);
    }
    row_gradient(run, shard, states, cotangents, out);
  });
}

lpreg_status api_snapshot_size(lpreg_context* context, const lpreg_row_options* options,
                               const lpreg_batch* batch, lpreg_row_state* states, int64_t* entries,
                               const lpreg_call* call, lpreg_error* error) {
  return guard(error, [&] {
    const RowCall run = row_call(context, options, batch, call);
    int64_t& count = deref(entries, "entries");
    const auto lock = run.context.in_use();
    if (run.context.device != nullptr) return run.context.device->snapshot_size(run, states, entries);
    count = snapshot_size(run, states);
  });
}

lpreg_status api_snapshot_write(lpreg_context* context, const lpreg_row_options* options,
                                const lpreg_batch* batch, lpreg_row_state* states, lpreg_snapshot* snapshot,
                                const lpreg_call* call, lpreg_error* error) {
  return guard(error, [&] {
    const RowCall run = row_call(context, options, batch, call);
    const auto lock = run.context.in_use();
    if (run.context.device != nullptr) return run.context.device->snapshot_write(run, states, snapshot);
    snapshot_write(run, states, snapshot);
  });
}

}  // namespace lpreg
