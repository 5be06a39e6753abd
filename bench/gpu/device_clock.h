// What a benchmark needs of a device and the C ABI does not offer: time between two points of the default
// stream, copies inside the device, free memory. device_clock_cuda.cpp over CUDA's events;
// device_clock_host.cpp for the emulated device, whose times mean nothing.
#pragma once

#include <cstddef>

namespace lpreg::bench {

class DeviceClock {
 public:
  DeviceClock();
  ~DeviceClock();
  DeviceClock(const DeviceClock&) = delete;
  DeviceClock& operator=(const DeviceClock&) = delete;
  void begin();
  double milliseconds();  // since begin(); waits for the device

 private:
  void* begin_;
  void* end_;
};

void copy_on_device(void* target, const void* source, size_t bytes);  // does not wait
size_t free_device_memory();

[[noreturn]] void fail(const char* what, const char* why);  // ends the program

}  // namespace lpreg::bench
