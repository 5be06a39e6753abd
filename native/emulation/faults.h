// Failures of the runtime on demand (`fail` of config.h), and what is still held of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace lpreg::emulation {

// The error that this call is to answer with: that of a device that is lost or absent, the one that was asked
// for, or 0.
int refusal(const char* call);
// The error that the kernel about to run is to end with, 0: none.
int kernel_fault();

// After an error that is sticky every call answers with it, until clear_failure().
void lose_device(int error);
int lost_device();  // 0: it is not lost

uint64_t runtime_calls();  // since the process began
// The call, or "kernel", that the failure asked for has struck since configure() or fail_at(); empty: none
// yet.
std::string struck_call();
// As fail=CALL@NTH:ERROR, without touching other settings; an empty call: no failure.
void fail_at(const std::string& call, int nth, int error);

struct Held {
  size_t device_allocations, pinned_allocations, streams;
  bool operator==(const Held& other) const {
    return device_allocations == other.device_allocations && pinned_allocations == other.pinned_allocations &&
           streams == other.streams;
  }
};
Held held_resources();

}  // namespace lpreg::emulation
