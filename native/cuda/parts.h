// Launchers for pieces of rows whose vocabulary is split over several tensors. All pointers are the device's;
// functions return 0 or an error code for check_device().
#pragma once

#include "plan.h"
#include "row_pass.h"

namespace lpreg::cuda {

struct PartsArguments {
  RowPass pass;
  lpreg_row_part* parts;
};

struct KeptArguments {
  RowPass pass;
  const lpreg_row_part* merged;
  lpreg_row_kept* kept;
};

// Arrays [part_count, rows] and [rows]; what a launcher does not join is NULL.
struct MergeArguments {
  lpreg_row_options options;
  int64_t rows, part_count;
  const lpreg_row_part* parts;
  lpreg_row_part* merged_parts;
  const lpreg_row_kept* kept;
  lpreg_row_kept* merged_kept;
};

struct FinalizeArguments {
  lpreg_row_options options;
  int64_t rows, vocab_total;
  const uint8_t* mask;  // NULL: all rows are valid
  const lpreg_row_part* merged;
  const lpreg_row_kept* kept;
  lpreg_row_state* states;
};

int launch_row_parts(const DeviceFacts& facts, const PartsArguments& arguments, void* stream);
int launch_row_kept(const DeviceFacts& facts, const KeptArguments& arguments, void* stream);
int launch_merge_parts(const MergeArguments& arguments, void* stream);
int launch_merge_kept(const MergeArguments& arguments, void* stream);
int launch_finalize(const FinalizeArguments& arguments, void* stream);

}  // namespace lpreg::cuda
