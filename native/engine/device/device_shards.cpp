#include "device_shards.h"

#include "../../cuda/parts.h"

namespace lpreg {
namespace {

void check_values(const DeviceStream& on, const RowCall& call, Shard shard, const RowCotangents& cotangents) {
  cuda::InputArguments inputs = row_input_arguments(on, call.batch, cotangents);
  inputs.vocab_total = shard.vocab_total;
  check_device(cuda::launch_check_inputs(inputs, on.stream));
}

cuda::RowPass shard_pass(const DeviceStream& on, const RowCall& call, Shard shard) {
  cuda::RowPass pass = cuda::row_pass(call.batch, call.options, on.status);
  pass.vocab_start = shard.vocab_start;
  pass.vocab_total = shard.vocab_total;
  return pass;
}

}  // namespace

void device_row_parts(const DeviceStream& on, const RowCall& call, Shard shard, lpreg_row_part* parts) {
  check_shard(call, shard, Memory::kDevice);
  require_rows(parts, call.batch.rows, "parts");
  check_values(on, call, shard, {nullptr, nullptr, nullptr});
  if (call.batch.rows == 0) return;
  check_device(cuda::launch_row_parts(on.facts, {shard_pass(on, call, shard), parts}, on.stream));
}

void device_row_kept(const DeviceStream& on, const RowCall& call, Shard shard, const lpreg_row_part* merged,
                     lpreg_row_kept* kept) {
  check_shard(call, shard, Memory::kDevice);
  check_shard_filter(call.options);
  require_rows(merged, call.batch.rows, "merged");
  require_rows(kept, call.batch.rows, "kept");
  check_values(on, call, shard, {nullptr, nullptr, nullptr});
  if (call.batch.rows == 0) return;
  const cuda::KeptArguments arguments{shard_pass(on, call, shard), merged, kept};
  check_device(cuda::launch_row_kept(on.facts, arguments, on.stream));
}

void device_merge_parts(const DeviceStream& on, const PartsCall& call, const lpreg_row_options& options,
                        int64_t part_count, const lpreg_row_part* parts, lpreg_row_part* merged) {
  check_row_options(options);
  check_merge(call, part_count, parts, merged);
  if (call.rows == 0) return;
  const cuda::MergeArguments arguments{options, call.rows, part_count, parts, merged, nullptr, nullptr};
  check_device(cuda::launch_merge_parts(arguments, on.stream));
}

void device_merge_kept(const DeviceStream& on, const PartsCall& call, int64_t part_count,
                       const lpreg_row_kept* kept, lpreg_row_kept* merged) {
  check_merge(call, part_count, kept, merged);
  if (call.rows == 0) return;
  const cuda::MergeArguments arguments{{}, call.rows, part_count, nullptr, nullptr, kept, merged};
  check_device(cuda::launch_merge_kept(arguments, on.stream));
}

void device_finalize(const DeviceStream& on, const PartsCall& call, const lpreg_row_options& options,
                     const MergedRows& rows, lpreg_row_state* states) {
  check_finalize(call, options, rows, states);
  if (call.rows == 0) return;
  const cuda::FinalizeArguments arguments{options,   call.rows, rows.vocab_total, rows.mask, rows.merged,
                                          rows.kept, states};
  check_device(cuda::launch_finalize(arguments, on.stream));
}

void device_row_gradient(const DeviceStream& on, const RowCall& call, Shard shard,
                         const lpreg_row_state* states, const RowCotangents& cotangents,
                         const lpreg_matrix& gradient) {
  check_shard(call, shard, Memory::kDevice);
  require_rows(states, call.batch.rows, "states");
  check_gradient(call.batch, gradient);
  check_cotangent_pointers(call, cotangents);
  check_values(on, call, shard, cotangents);
  if (call.batch.rows == 0) return;
  WholeBatch rows(call.batch, gradient, on.stream);
  run_gradient(on, &rows, shard_pass(on, call, shard), {states, nullptr, cotangents, kNoScalar, nullptr});
}

}  // namespace lpreg
