// Takes the place of device/ in a library without a CUDA back end.
#include "../cuda/device_api.h"
#include "cuda_support.h"
#include "device_engine.h"
#include "device_runtime.h"
#include "failure.h"

namespace lpreg {
namespace {

[[noreturn]] void fail() {
  require_cuda();
  throw Failure{LPREG_ERR_INTERNAL, "backend", -1, "a library without CUDA found it usable"};
}

}  // namespace

cuda::Availability cuda::availability() {
  Availability availability;
  availability.absence = Absence::kNotBuilt;
  return availability;
}

DeviceRuntime& device_runtime() { fail(); }

std::unique_ptr<DeviceEngine> make_device_engine(int, int64_t) { fail(); }

}  // namespace lpreg
