// Proxy snapshots over device memory; the twin of snapshot.cpp. Each only starts work.
#pragma once

#include "../../cuda/snapshot.h"
#include "../snapshot.h"
#include "device_passes.h"

namespace lpreg {

// States of all rows, which say what each row keeps; arguments for what follows.
cuda::SnapshotArguments compute_snapshot_states(const DeviceStream& on, RowSource* rows,
                                                const lpreg_row_options& options, const lpreg_batch& batch,
                                                lpreg_row_state* states);
// The entries of the rows that fit, where the arguments' snapshot has all else.
void write_snapshot_entries(const DeviceStream& on, RowSource* rows,
                            const cuda::SnapshotArguments& arguments);

void device_snapshot_size(const DeviceStream& on, const RowCall& call, lpreg_row_state* states,
                          int64_t* entries);
void device_snapshot_write(const DeviceStream& on, const RowCall& call, lpreg_row_state* states,
                           const lpreg_snapshot& snapshot);

}  // namespace lpreg
