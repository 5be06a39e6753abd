// Whether CUDA can be used, why not, and what to do about it: facts in, sentences out, without CUDA.
#pragma once

#include <string>

namespace lpreg::cuda {

enum class Absence { kNone, kNotBuilt, kNoDriver, kOldDriver, kNoDevice, kNoKernels, kFailed };

struct Availability {
  Absence absence = Absence::kNone;
  int driver_version = 0;   // newest CUDA that the driver offers, 13000 for 13.0; 0: no driver
  int runtime_version = 0;  // CUDA that the library was built with; 0: without
  int devices = 0;
  int compute_capability = 0;  // kNoKernels: of the device, 90 for 9.0
  std::string architectures;   // with kernels of their own, "75,90"
  std::string detail;          // kFailed: the runtime's words
};

// "" when CUDA can be used.
std::string reason_of(const Availability& availability);
std::string advice_of(const Availability& availability);

}  // namespace lpreg::cuda
