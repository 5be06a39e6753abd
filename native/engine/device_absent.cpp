// Takes the place of device/ in a library without a CUDA back end.
#include "device_engine.h"
#include "failure.h"

namespace lpreg {

const char* device_reason() { return "this library was built without CUDA"; }

std::unique_ptr<DeviceEngine> make_device_engine(int) {
  throw Failure{LPREG_ERR_BACKEND_UNAVAILABLE, "backend", -1, device_reason()};
}

}  // namespace lpreg
