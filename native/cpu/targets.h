// The compiled instruction sets, one per target_*.cpp. Free of the standard library, as those files are.
#pragma once

#include "row_kernels.h"

namespace lpreg::cpu {

const RowKernels& kernels_baseline();
const RowKernels& kernels_avx2();    // x86-64 only
const RowKernels& kernels_avx512();  // x86-64 only
const RowKernels& kernels_neon();    // 64-bit ARM only

}  // namespace lpreg::cpu
