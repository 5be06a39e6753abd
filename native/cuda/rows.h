// Launchers of the kernels over whole rows, and their arguments. All pointers are the device's; functions
// return 0 or an error code for check_device().
#pragma once

#include "../core/short_row.h"
#include "plan.h"
#include "row_pass.h"

namespace lpreg::cuda {

struct StatesArguments {
  RowPass pass;
  lpreg_row_state* states;
  Check check;  // what a row of non-finite logits is reported as
  bool report_non_finite;
  bool holds_row;  // LaunchShape's; set by the launcher
};

struct FusedArguments {
  StatesArguments statistics;
  bool statistics_only;  // set by the launcher; the rest is not read then
  lpreg_loss_options options;
  const core::Selection* selection;
  core::CoefficientArrays coefficients;
  core::RowResult* results;
  lpreg_token_outputs outputs;
  lpreg_scalar grad_output;
  lpreg_matrix gradient;
  uint8_t* deferred;  // [rows]: left for later because a selection may reach it; NULL: no row is
};

struct GradientArguments {
  RowPass pass;
  const lpreg_row_state* states;
  const lpreg_row_state* proxy_states;  // LPREG_PROXY_OLD only
  lpreg_snapshot snapshot;              // LPREG_PROXY_SNAPSHOT only
  const float* coefficient_log_prob;    // [rows], NULL: 0
  const float* coefficient_entropy;
  const float* coefficient_kl;
  lpreg_scalar grad_output;
  lpreg_matrix gradient;
  const uint8_t* only;  // [rows]: rows to write; NULL: all
};

// A launch over the pass's rows alone. Its shape is the whole batch's, so that a row's bits do not depend on
// how the batch is divided.
inline LaunchShape over_rows_of(const RowPass& pass, LaunchShape shape) {
  shape.blocks = shape.blocks / pass.batch.rows * pass.row_count;
  return shape;
}

// The kernel, or the launcher, of a dtype.
template <class Function>
Function* of_dtype(int32_t dtype, Function* float32, Function* float16, Function* bfloat16) {
  return dtype == LPREG_FLOAT16 ? float16 : dtype == LPREG_BFLOAT16 ? bfloat16 : float32;
}

// Of rows that are summed in float64; the fused kernel knows float32 sums alone.
inline bool are_short(const lpreg_batch& batch) { return batch.vocab <= core::kShortRow; }

int launch_states(const DeviceFacts& facts, const StatesArguments& arguments, void* stream);
int launch_short_states(const StatesArguments& arguments, void* stream);  // for launch_states()
int launch_fused(const DeviceFacts& facts, const FusedArguments& arguments, void* stream);
int launch_gradient(const DeviceFacts& facts, const GradientArguments& arguments, void* stream);

// Entries of a snapshot's row; a damaged row_ptr, found before, must do no harm here.
struct EntryRange {
  int64_t begin, end;
};
LPREG_HD EntryRange entries_of(const lpreg_snapshot& snapshot, int64_t row) {
  const int64_t begin = snapshot.row_ptr[row] < 0 ? 0 : snapshot.row_ptr[row];
  const int64_t end = snapshot.row_ptr[row + 1];
  return {begin, end < begin || end > snapshot.capacity ? begin : end};
}

LPREG_HD const void* element_address(const lpreg_matrix& matrix, int64_t offset) {
  return static_cast<const char*>(matrix.data) + offset * (matrix.dtype == LPREG_FLOAT32 ? 4 : 2);
}

}  // namespace lpreg::cuda
