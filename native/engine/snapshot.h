// Proxy snapshots: the kept sets of a policy's logits in compressed rows, for later calls that no longer have
// them.
#pragma once

#include "token_stats.h"
#include "validate.h"

namespace lpreg {

// Checks that look at no value of a tensor.
void check_snapshot_call(const RowCall& call, const lpreg_row_state* states, Memory memory);
void check_snapshot_target(const RowCall& call, const lpreg_snapshot* snapshot);

// Checks of a call over host memory, values included.
void check_snapshot_inputs(const RowCall& call, const lpreg_row_state* states);

// Of rows whose states are known: their entries, and everything of the snapshot but these.
int64_t count_entries(const lpreg_row_state* states, int64_t rows);
// Throws LPREG_ERR_SNAPSHOT_TOO_LARGE where they do not fit.
void write_rows(const lpreg_row_state* states, const lpreg_snapshot* snapshot);

// `states` [rows] is written on the way.
int64_t snapshot_size(const RowCall& call, lpreg_row_state* states);
void snapshot_write(const RowCall& call, lpreg_row_state* states, lpreg_snapshot* snapshot);

}  // namespace lpreg
