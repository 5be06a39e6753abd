#include "probe.h"

#include "platform.cuh"

namespace lpreg::cuda {
namespace {

#if defined(LPREG_EMULATION)
constexpr int kArchitectures[] = {750};
#else
constexpr int kArchitectures[] = {__CUDA_ARCH_LIST__};  // ascending
#endif

}  // namespace

std::string kernel_architectures() {
  std::string text;
  for (const int architecture : kArchitectures) {
    text += (text.empty() ? "" : ",") + std::to_string(architecture / 10);
  }
  return text;
}

bool has_kernels_for(int compute_capability) { return kArchitectures[0] / 10 <= compute_capability; }

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
