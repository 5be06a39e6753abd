#include "probe.h"

#include "platform.cuh"
#if defined(LPREG_EMULATION)
#include "../emulation/config.h"
#include "../emulation/faults.h"
#endif

namespace lpreg::cuda {
namespace {

// Ascending, as __CUDA_ARCH__: 750 for 7.5.
#if defined(LPREG_EMULATION)
constexpr int kArchitectures[] = {750};
#elif defined(LPREG_CUDA_RELEASE)
constexpr int kArchitectures[] = {750, 800, 900, 1000, 1200};  // release_code of cmake/cuda.cmake
#else
constexpr int kArchitectures[] = {__CUDA_ARCH_LIST__};
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
int probe_kernel_image(int* architecture) {
  *architecture = emulation::config().device.compute_capability;
  return emulation::refusal("probe_kernel_image");
}
#else
int probe_kernel_image(int* architecture) {
  cudaFuncAttributes attributes{};
  const cudaError_t code = cudaFuncGetAttributes(&attributes, probe_kernel);
  *architecture = attributes.ptxVersion;
  return static_cast<int>(code);
}
#endif

}  // namespace lpreg::cuda
