#include "availability.h"

namespace lpreg::cuda {
namespace {

// 13000 -> "13.0"
std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string capability_text(int capability) {
  return std::to_string(capability / 10) + "." + std::to_string(capability % 10);
}

// The oldest driver branch that runs programs of a CUDA version (NVIDIA's table of minor version
// compatibility).
std::string needed_driver(int runtime_version) {
  const int major = runtime_version / 1000;
  return major >= 13 ? "R580" : major == 12 ? "R525" : "R450";
}

}  // namespace

std::string reason_of(const Availability& a) {
  switch (a.absence) {
    case Absence::kNone:
      return "";
    case Absence::kNotBuilt:
      return "this library was built without CUDA";
    case Absence::kNoDriver:
      return "no NVIDIA driver is installed (libcuda.so.1 was not found)";
    case Absence::kOldDriver:
      return "the NVIDIA driver is too old: it offers CUDA " + version_text(a.driver_version) +
             ", and this library needs CUDA " + version_text(a.runtime_version);
    case Absence::kNoDevice:
      return "the NVIDIA driver finds no device";
    case Absence::kNoKernels:
      return "this library holds no kernels for compute capability " + capability_text(a.compute_capability) +
             " (it has " + a.architectures + ")";
    case Absence::kFailed:
      return "CUDA does not start: " + a.detail;
  }
  return "";
}

std::string advice_of(const Availability& a) {
  switch (a.absence) {
    case Absence::kNone:
      return "";
    case Absence::kNotBuilt:
      return "build it with nvcc on PATH; LPREG_CUDA=ON makes a build without it fail";
    case Absence::kNoDriver:
      return "install driver " + needed_driver(a.runtime_version) +
             " or newer; start a container with its devices (--gpus all)";
    case Absence::kOldDriver:
      return "install driver " + needed_driver(a.runtime_version) +
             " or newer, or build with a CUDA toolkit that the driver supports";
    case Absence::kNoDevice:
      return "see what nvidia-smi lists and what CUDA_VISIBLE_DEVICES holds";
    case Absence::kNoKernels:
      return "build it with CUDAARCHS=" + std::to_string(a.compute_capability) + " in the environment";
    case Absence::kFailed:
      return "see whether nvidia-smi works on this machine";
  }
  return "";
}

}  // namespace lpreg::cuda
