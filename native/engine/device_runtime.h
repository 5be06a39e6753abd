// Devices and their memory, for callers without a CUDA runtime of their own. Implemented by device/, or by
// device_absent.cpp where there is no CUDA back end.
#pragma once

#include <cstddef>

#include "../include/lpreg.h"

namespace lpreg {

// Every function throws what went wrong; the caller's current device is restored.
class DeviceRuntime {
 public:
  virtual ~DeviceRuntime() = default;

  virtual void describe(int device, lpreg_device_info* info) = 0;
  virtual int device_of(const void* pointer) = 0;
  virtual void* allocate(int device, size_t bytes) = 0;
  virtual void release(int device, void* memory) = 0;
  virtual void upload(int device, void* target, const void* host, size_t bytes, void* stream) = 0;
  virtual void download(int device, void* host, const void* source, size_t bytes, void* stream) = 0;
  virtual void clear(int device, void* target, size_t bytes, void* stream) = 0;
  virtual void synchronize(int device, void* stream) = 0;
  virtual void* create_stream(int device) = 0;
  virtual void destroy_stream(int device, void* stream) = 0;
};

// Throws LPREG_ERR_BACKEND_UNAVAILABLE with reason and advice where no device can be used.
DeviceRuntime& device_runtime();

}  // namespace lpreg
