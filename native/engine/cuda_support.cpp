#include "cuda_support.h"

#include <string>

#include "../cuda/device_api.h"
#include "failure.h"

namespace lpreg {
namespace {

struct Support {
  std::string reason, advice, architectures, message;
  lpreg_cuda_info info{};

  explicit Support(const cuda::Availability& found)
      : reason(cuda::reason_of(found)),
        advice(cuda::advice_of(found)),
        architectures(found.architectures),
        message(reason + "; " + advice) {
    info.struct_size = sizeof info;
    info.reason = reason.c_str();
    info.advice = advice.c_str();
    info.architectures = architectures.c_str();
    info.driver_version = found.driver_version;
    info.runtime_version = found.runtime_version;
    info.device_count = found.devices;
  }
};

const Support& support() {
  static const Support found(cuda::availability());
  return found;
}

}  // namespace

const lpreg_cuda_info& cuda_info() { return support().info; }

void require_cuda() {
  if (support().reason.empty()) return;
  throw Failure{LPREG_ERR_BACKEND_UNAVAILABLE, "backend", -1, support().message.c_str()};
}

}  // namespace lpreg
