// What calls over host memory keep from one to the next: a stream, memory for O(rows) arrays, staging memory.
#pragma once

#include <mutex>

#include "staging.h"

namespace lpreg {

class HostTensorMemory {
 public:
  // `staging_bytes` as in lpreg_context_options.
  explicit HostTensorMemory(int64_t staging_bytes);
  // With the device current where it matters; nothing may be under way.
  ~HostTensorMemory() { clear(); }
  HostTensorMemory(const HostTensorMemory&) = delete;
  HostTensorMemory& operator=(const HostTensorMemory&) = delete;

  void* stream();  // made when first asked for
  void clear();

  std::mutex mutex;  // one call at a time: they would share one bus
  const int64_t bound;
  DeviceArena arena;
  Staging staging;

 private:
  void* stream_ = nullptr;
};

}  // namespace lpreg
