// The emulated device's memory: allocations between inaccessible pages, with the traffic of kernels counted.
// Any thread may call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

namespace lpreg::emulation {

// One operating-system thread at a time is the device: who runs its work or reaches its memory holds this.
std::recursive_mutex& device_mutex();

struct Traffic {
  uint64_t bytes_read = 0, bytes_written = 0;  // by elements and packs of kernels
  uint64_t reads = 0, writes = 0;              // of any size
};

// The device that is current to the calling thread, as in CUDA.
inline thread_local int current_device = 0;

// Of the current device. Null: out of memory. 256-byte aligned, poisoned with 0xff.
void* allocate_device(size_t bytes);
bool free_device(void* memory);             // false: not the base of an allocation
int device_of_memory(const void* address);  // -1: of none
size_t device_allocations();

// Counted since the last reset, of the allocation that holds `address`, and of all memory that is no
// allocation of the device and not shared memory (null).
Traffic traffic_of(const void* address);
Traffic shared_traffic();
void reset_traffic();

// Called by every element and pack access of a kernel: alignment, device, bounds, traffic.
void check_access(const void* address, size_t bytes, bool writes);

// While one lives, its thread can reach device memory; outside of all of them only where `guard` is off.
class DeviceAccess {
 public:
  DeviceAccess();
  ~DeviceAccess();
  DeviceAccess(const DeviceAccess&) = delete;
  DeviceAccess& operator=(const DeviceAccess&) = delete;

 private:
  const std::lock_guard<std::recursive_mutex> lock_{device_mutex()};
};

}  // namespace lpreg::emulation
