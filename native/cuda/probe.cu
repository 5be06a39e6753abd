#include "probe.h"

#include "platform.cuh"

namespace lpreg::cuda {

__global__ void probe_kernel() {}

#if defined(LPREG_EMULATION)
int probe_kernel_image() { return 0; }
#else
int probe_kernel_image() {
  cudaFuncAttributes attributes;
  return static_cast<int>(cudaFuncGetAttributes(&attributes, probe_kernel));
}
#endif

}  // namespace lpreg::cuda
