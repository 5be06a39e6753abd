// The row kernels for bfloat16 logits.
#include "row_kernels.cuh"
#include "rows_of_dtype.h"

namespace lpreg::cuda {

int launch_fused_bfloat16(const LaunchShape& shape, const FusedArguments& arguments, void* stream) {
  return launch(fused_kernel<BFloat16>, shape, stream, arguments);
}
int launch_gradient_bfloat16(const LaunchShape& shape, const GradientArguments& arguments, void* stream) {
  return launch(gradient_kernel<BFloat16>, shape, stream, arguments);
}

}  // namespace lpreg::cuda
