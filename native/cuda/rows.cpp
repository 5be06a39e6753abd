#include "rows.h"

#include "rows_of_dtype.h"

namespace lpreg::cuda {
namespace {

int64_t element_size(int32_t dtype) { return dtype == LPREG_FLOAT32 ? 4 : 2; }

}  // namespace

int launch_states(const DeviceFacts& facts, StatesArguments arguments, void* stream) {
  const lpreg_batch& batch = arguments.pass.batch;
  const LaunchShape shape = over_rows_of(
      arguments.pass, several_sweeps_shape(facts, batch.rows, batch.vocab, element_size(batch.logits.dtype)));
  arguments.holds_row = shape.holds_row;
  arguments.pass.first_block = arguments.pass.first_row * static_cast<uint32_t>(shape.cluster);
  switch (batch.logits.dtype) {
    case LPREG_FLOAT16:
      return launch_states_float16(shape, arguments, stream);
    case LPREG_BFLOAT16:
      return launch_states_bfloat16(shape, arguments, stream);
    default:
      return launch_states_float32(shape, arguments, stream);
  }
}

int launch_fused(const DeviceFacts& facts, FusedArguments arguments, void* stream) {
  const lpreg_batch& batch = arguments.pass.batch;
  const LaunchShape shape = over_rows_of(
      arguments.pass, several_sweeps_shape(facts, batch.rows, batch.vocab, element_size(batch.logits.dtype)));
  arguments.holds_row = shape.holds_row;
  arguments.pass.first_block = arguments.pass.first_row * static_cast<uint32_t>(shape.cluster);
  switch (batch.logits.dtype) {
    case LPREG_FLOAT16:
      return launch_fused_float16(shape, arguments, stream);
    case LPREG_BFLOAT16:
      return launch_fused_bfloat16(shape, arguments, stream);
    default:
      return launch_fused_float32(shape, arguments, stream);
  }
}

int launch_gradient(const DeviceFacts& facts, const GradientArguments& arguments, void* stream) {
  const lpreg_batch& batch = arguments.pass.batch;
  const LaunchShape shape = over_rows_of(
      arguments.pass, one_sweep_shape(facts, batch.rows, batch.vocab, element_size(batch.logits.dtype)));
  switch (batch.logits.dtype) {
    case LPREG_FLOAT16:
      return launch_gradient_float16(shape, arguments, stream);
    case LPREG_BFLOAT16:
      return launch_gradient_bfloat16(shape, arguments, stream);
    default:
      return launch_gradient_float32(shape, arguments, stream);
  }
}

}  // namespace lpreg::cuda
