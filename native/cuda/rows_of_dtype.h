// The row launchers of each dtype, one translation unit each.
#pragma once

#include "rows.h"

namespace lpreg::cuda {

#define LPREG_ROW_LAUNCHERS(dtype)                                                                   \
  int launch_fused_##dtype(const LaunchShape& shape, const FusedArguments& arguments, void* stream); \
  int launch_gradient_##dtype(const LaunchShape& shape, const GradientArguments& arguments, void* stream);
LPREG_ROW_LAUNCHERS(float32)
LPREG_ROW_LAUNCHERS(float16)
LPREG_ROW_LAUNCHERS(bfloat16)
#undef LPREG_ROW_LAUNCHERS

}  // namespace lpreg::cuda
