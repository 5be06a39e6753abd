#include "device_snapshot.h"

namespace lpreg {
namespace {

// The rows of a chunk, as a batch of their own.
cuda::SnapshotArguments rows_of(cuda::SnapshotArguments arguments, const RowChunk& chunk) {
  lpreg_batch& batch = arguments.pass.batch;
  batch.logits = chunk.logits;
  if (chunk.first == 0 && chunk.count == batch.rows) return arguments;
  const auto row_bytes = static_cast<uintptr_t>(chunk.logits.row_stride * element_size(chunk.logits.dtype));
  const uintptr_t first_row =
      reinterpret_cast<uintptr_t>(chunk.logits.data) + static_cast<uintptr_t>(chunk.first) * row_bytes;
  batch.logits.data = reinterpret_cast<void*>(first_row);  // NOLINT(performance-no-int-to-ptr)
  batch.rows = chunk.count;
  if (batch.mask != nullptr) batch.mask += chunk.first;
  arguments.states += chunk.first;
  if (arguments.snapshot.row_ptr != nullptr) arguments.snapshot.row_ptr += chunk.first;
  return arguments;
}

cuda::SnapshotArguments start(const DeviceStream& on, const RowCall& call, RowSource* rows,
                              lpreg_row_state* states) {
  check_snapshot_call(call, states, Memory::kDevice);
  check_device(
      cuda::launch_check_inputs(row_input_arguments(on, call.batch, {nullptr, nullptr, nullptr}), on.stream));
  return compute_snapshot_states(on, rows, call.options, call.batch, states);
}

}  // namespace

cuda::SnapshotArguments compute_snapshot_states(const DeviceStream& on, RowSource* rows,
                                                const lpreg_row_options& options, const lpreg_batch& given,
                                                lpreg_row_state* states) {
  // A snapshot looks at no action.
  lpreg_batch batch = given;
  batch.actions = nullptr;
  run_statistics(on, rows, options, batch, {false, false}, true, states, nullptr);
  const cuda::SnapshotArguments arguments{current_pass(on, options, batch), states, {}, nullptr};
  if (options.softcap != 0) {
    rows->for_each_chunk({false, false, nullptr}, [&](const RowChunk& chunk) {
      check_device(cuda::launch_recount(on.facts, rows_of(arguments, chunk), chunk.stream));
    });
  }
  return arguments;
}

void write_snapshot_entries(const DeviceStream& on, RowSource* rows,
                            const cuda::SnapshotArguments& arguments) {
  rows->for_each_chunk({false, false, nullptr}, [&](const RowChunk& chunk) {
    check_device(cuda::launch_snapshot_entries(on.facts, rows_of(arguments, chunk), chunk.stream));
  });
}

void device_snapshot_size(const DeviceStream& on, const RowCall& call, lpreg_row_state* states,
                          int64_t* entries) {
  WholeBatch rows(call.batch, {}, on.stream);
  cuda::SnapshotArguments arguments = start(on, call, &rows, states);
  arguments.entries = entries;
  check_device(cuda::launch_snapshot_rows(on.facts, arguments, on.stream));
}

void device_snapshot_write(const DeviceStream& on, const RowCall& call, lpreg_row_state* states,
                           const lpreg_snapshot& snapshot) {
  WholeBatch rows(call.batch, {}, on.stream);
  cuda::SnapshotArguments arguments = start(on, call, &rows, states);
  arguments.snapshot = snapshot;
  check_device(cuda::launch_snapshot_rows(on.facts, arguments, on.stream));
  write_snapshot_entries(on, &rows, arguments);
}

}  // namespace lpreg
