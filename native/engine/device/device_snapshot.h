// Proxy snapshots over device memory; the twin of snapshot.cpp. Each only starts work.
#pragma once

#include "../snapshot.h"
#include "device_passes.h"

namespace lpreg {

void device_snapshot_size(const DeviceStream& on, const RowCall& call, lpreg_row_state* states,
                          int64_t* entries);
void device_snapshot_write(const DeviceStream& on, const RowCall& call, lpreg_row_state* states,
                           const lpreg_snapshot& snapshot);

}  // namespace lpreg
