#include "rows.h"

#include "rows_of_dtype.h"

namespace lpreg::cuda {
namespace {

int64_t element_size(int32_t dtype) { return dtype == LPREG_FLOAT32 ? 4 : 2; }

int launch_row(const DeviceFacts& facts, FusedArguments arguments, void* stream) {
  RowPass& pass = arguments.statistics.pass;
  const lpreg_batch& batch = pass.batch;
  const LaunchShape shape = over_rows_of(
      pass, several_sweeps_shape(facts, batch.rows, batch.vocab, element_size(batch.logits.dtype)));
  arguments.statistics.holds_row = shape.holds_row;
  pass.first_block = pass.first_row * static_cast<uint32_t>(shape.cluster);
  return of_dtype(batch.logits.dtype, launch_fused_float32, launch_fused_float16, launch_fused_bfloat16)(
      shape, arguments, stream);
}

}  // namespace

// Of rows that are not short by the fused kernel too: it begins with the statistics, and a kernel of their
// own would be a third of all machine code once more.
int launch_states(const DeviceFacts& facts, const StatesArguments& arguments, void* stream) {
  if (are_short(arguments.pass.batch)) return launch_short_states(arguments, stream);
  FusedArguments alone{};
  alone.statistics = arguments;
  alone.statistics_only = true;
  return launch_row(facts, alone, stream);
}

int launch_fused(const DeviceFacts& facts, const FusedArguments& arguments, void* stream) {
  return launch_row(facts, arguments, stream);
}

int launch_gradient(const DeviceFacts& facts, const GradientArguments& arguments, void* stream) {
  const lpreg_batch& batch = arguments.pass.batch;
  const int32_t dtype = batch.logits.dtype;
  const LaunchShape shape =
      over_rows_of(arguments.pass, one_sweep_shape(facts, batch.rows, batch.vocab, element_size(dtype)));
  return of_dtype(dtype, launch_gradient_float32, launch_gradient_float16, launch_gradient_bfloat16)(
      shape, arguments, stream);
}

}  // namespace lpreg::cuda
