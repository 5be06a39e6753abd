// Makes a device current for the length of a call, and the caller's again afterwards.
#pragma once

#include "device_errors.h"

namespace lpreg {

// Throws unless `device` is one that the driver shows.
void require_device(int device);

class DeviceGuard {
 public:
  explicit DeviceGuard(int device) {
    check_device(cuda::current_device(&previous_));
    if (previous_ == device) return;
    check_device(cuda::set_device(device));
    changed_ = true;
  }
  ~DeviceGuard() {
    if (changed_) cuda::set_device(previous_);
  }
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

 private:
  int previous_ = 0;
  bool changed_ = false;
};

// For destructors: what cannot be given back to a lost device needs no telling.
template <class Body>
void quietly_on(int device, const Body& body) noexcept {
  try {
    const DeviceGuard guard(device);
    body();
  } catch (const Failure&) {  // NOLINT(bugprone-empty-catch): a destructor has nobody to tell
  }
}

}  // namespace lpreg
