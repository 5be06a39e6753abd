// The row kernels for bfloat16 logits.
#include "row_kernels.cuh"
#include "rows_of_dtype.h"

namespace lpreg::cuda {

int launch_states_bfloat16(const LaunchShape& shape, const StatesArguments& arguments, void* stream) {
  return launch_states_of<BFloat16>(shape, arguments, stream);
}
int launch_fused_bfloat16(const LaunchShape& shape, const FusedArguments& arguments, void* stream) {
  return launch_fused_of<BFloat16>(shape, arguments, stream);
}
int launch_gradient_bfloat16(const LaunchShape& shape, const GradientArguments& arguments, void* stream) {
  return launch_gradient_of<BFloat16>(shape, arguments, stream);
}

}  // namespace lpreg::cuda
