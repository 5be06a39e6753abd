// Proxy snapshots: the kept sets of a policy's logits in compressed rows, for later calls that no longer have
// them.
#pragma once

#include "token_stats.h"
#include "validate.h"

namespace lpreg {

// Checks that look at no value of a tensor.
void check_snapshot_call(const RowCall& call, const lpreg_row_state* states, Memory memory);
void check_snapshot_target(const RowCall& call, const lpreg_snapshot* snapshot);

// `states` [rows] is written on the way.
int64_t snapshot_size(const RowCall& call, lpreg_row_state* states);
void snapshot_write(const RowCall& call, lpreg_row_state* states, lpreg_snapshot* snapshot);

}  // namespace lpreg
