#include <chrono>
#include <cstring>

#include "device_clock.h"

namespace lpreg::bench {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

DeviceClock::DeviceClock() : begin_(new Clock::time_point), end_(nullptr) {}

DeviceClock::~DeviceClock() { delete static_cast<Clock::time_point*>(begin_); }

void DeviceClock::begin() { *static_cast<Clock::time_point*>(begin_) = Clock::now(); }

double DeviceClock::milliseconds() {
  const auto elapsed = Clock::now() - *static_cast<Clock::time_point*>(begin_);
  return std::chrono::duration<double, std::milli>(elapsed).count();
}

void copy_on_device(void* target, const void* source, size_t bytes) { std::memcpy(target, source, bytes); }

size_t free_device_memory() { return size_t{1} << 30; }

}  // namespace lpreg::bench
