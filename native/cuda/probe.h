// Which devices the library holds machine code for.
#pragma once

#include <string>

namespace lpreg::cuda {

// Compute capabilities that the kernels were compiled for: "75,90".
std::string kernel_architectures();

// Whether any of them can run on a device of this compute capability, as far as numbers tell.
bool has_kernels_for(int compute_capability);

// 0, or the error that the first launch on the current device would meet. Starts CUDA on that device.
// `architecture`: of the PTX that its kernels were made from, 75 for 7.5, which may be older than the device.
int probe_kernel_image(int* architecture);

// The first architecture whose kernels know clusters.
constexpr int kArchitectureWithClusters = 90;

}  // namespace lpreg::cuda
