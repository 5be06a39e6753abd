#include "faults.h"

#include <atomic>
#include <cstring>

#include "../cuda/device_api.h"
#include "config.h"
#include "device_memory.h"
#include "host_resources.h"
#include "launch.h"

namespace lpreg::emulation {
namespace {

std::atomic<uint64_t> calls{0};
std::atomic<int> lost{0};

// Whether the failure that was asked for is this call's.
bool strikes(const char* call, bool any) {
  InjectedFailure& failure = config().failure;
  if (failure.call != call && !(any && failure.call == "any")) return false;
  if (--failure.countdown != 0) return false;
  failure.struck = call;
  return true;
}

}  // namespace

int refusal(const char* call) {
  ++calls;
  if (config().device.absence != cuda::Absence::kNone) return kErrorNoDevice;
  if (lost != 0) return lost;
  if (!strikes(call, true)) return 0;
  const int error = config().failure.error;
  if (cuda::is_sticky(error)) lost = error;
  return error;
}

int kernel_fault() { return strikes("kernel", false) ? config().failure.error : 0; }

void lose_device(int error) { lost = error; }
int lost_device() { return lost; }

uint64_t runtime_calls() { return calls; }
std::string struck_call() { return config().failure.struck; }
void fail_at(const std::string& call, int nth, int error) { config().failure = {call, nth, error, ""}; }

Held held_resources() { return {device_allocations(), pinned_allocations(), living_streams()}; }

}  // namespace lpreg::emulation
