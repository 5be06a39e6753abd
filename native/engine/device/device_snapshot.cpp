#include "device_snapshot.h"

#include "../../cuda/snapshot.h"

namespace lpreg {
namespace {

// States of all rows, which say what each row keeps.
cuda::SnapshotArguments compute_states(const DeviceStream& on, const RowCall& call, lpreg_row_state* states) {
  check_device(
      cuda::launch_check_inputs(row_input_arguments(on, call.batch, {nullptr, nullptr, nullptr}), on.stream));
  // A snapshot looks at no action.
  lpreg_batch batch = call.batch;
  batch.actions = nullptr;
  WholeBatch rows(batch, {}, on.stream);
  run_statistics(on, &rows, call.options, batch, {false, false}, true, states, nullptr);
  const cuda::SnapshotArguments arguments{current_pass(on, call.options, batch), states, {}, nullptr};
  const bool has_rows = batch.rows > 0;
  if (has_rows && call.options.softcap != 0) {
    check_device(cuda::launch_recount(on.facts, arguments, on.stream));
  }
  return arguments;
}

}  // namespace

void device_snapshot_size(const DeviceStream& on, const RowCall& call, lpreg_row_state* states,
                          int64_t* entries) {
  check_snapshot_call(call, states, Memory::kDevice);
  cuda::SnapshotArguments arguments = compute_states(on, call, states);
  arguments.entries = entries;
  check_device(cuda::launch_snapshot_rows(on.facts, arguments, on.stream));
}

void device_snapshot_write(const DeviceStream& on, const RowCall& call, lpreg_row_state* states,
                           const lpreg_snapshot& snapshot) {
  check_snapshot_call(call, states, Memory::kDevice);
  cuda::SnapshotArguments arguments = compute_states(on, call, states);
  arguments.snapshot = snapshot;
  check_device(cuda::launch_snapshot_rows(on.facts, arguments, on.stream));
  if (call.batch.rows > 0) check_device(cuda::launch_snapshot_entries(on.facts, arguments, on.stream));
}

}  // namespace lpreg
