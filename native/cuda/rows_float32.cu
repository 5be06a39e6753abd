// The row kernels for float32 logits.
#include "row_kernels.cuh"
#include "rows_of_dtype.h"

namespace lpreg::cuda {

int launch_fused_float32(const LaunchShape& shape, const FusedArguments& arguments, void* stream) {
  return launch(fused_kernel<float>, shape, stream, arguments);
}
int launch_gradient_float32(const LaunchShape& shape, const GradientArguments& arguments, void* stream) {
  return launch(gradient_kernel<float>, shape, stream, arguments);
}

}  // namespace lpreg::cuda
