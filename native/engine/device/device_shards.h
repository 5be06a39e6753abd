// Split statistics over device memory; the twin of shards.cpp. Each only starts work.
#pragma once

#include "../shards.h"
#include "device_passes.h"

namespace lpreg {

void device_row_parts(const DeviceStream& on, const RowCall& call, Shard shard, lpreg_row_part* parts);
void device_row_kept(const DeviceStream& on, const RowCall& call, Shard shard, const lpreg_row_part* merged,
                     lpreg_row_kept* kept);
void device_merge_parts(const DeviceStream& on, const PartsCall& call, const lpreg_row_options& options,
                        int64_t part_count, const lpreg_row_part* parts, lpreg_row_part* merged);
void device_merge_kept(const DeviceStream& on, const PartsCall& call, int64_t part_count,
                       const lpreg_row_kept* kept, lpreg_row_kept* merged);
void device_finalize(const DeviceStream& on, const PartsCall& call, const lpreg_row_options& options,
                     const MergedRows& rows, lpreg_row_state* states);
void device_row_gradient(const DeviceStream& on, const RowCall& call, Shard shard,
                         const lpreg_row_state* states, const RowCotangents& cotangents,
                         const lpreg_matrix& gradient);

}  // namespace lpreg
