// Launchers of proxy snapshots: from the states of all rows to compressed rows. All pointers are the
// device's; functions return 0 or an error code for check_device().
#pragma once

#include "plan.h"
#include "row_pass.h"

namespace lpreg::cuda {

struct SnapshotArguments {
  RowPass pass;
  lpreg_row_state* states;  // [rows]
  lpreg_snapshot snapshot;  // zeros where only the entries are counted
  int64_t* entries;         // of all rows; NULL: not wanted
};

// With a softcap: counts the kept tokens again, by the rule that the entries are written by.
int launch_recount(const DeviceFacts& facts, const SnapshotArguments& arguments, void* stream);
// Everything of the snapshot but its entries, or their number alone. One block.
int launch_snapshot_rows(const DeviceFacts& facts, const SnapshotArguments& arguments, void* stream);
// The entries of the rows that fit.
int launch_snapshot_entries(const DeviceFacts& facts, const SnapshotArguments& arguments, void* stream);

}  // namespace lpreg::cuda
