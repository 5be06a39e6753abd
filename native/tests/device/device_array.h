// An array in the device's memory for the length of a test.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

#include "cuda/device_api.h"

namespace lpreg::test {

template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(size_t count) : count_(count) {
    if (cuda::allocate(&memory_, bytes()) != 0) throw std::bad_alloc();
  }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) { write(0, values); }
  ~DeviceArray() { cuda::release(memory_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() const { return static_cast<T*>(memory_); }
  size_t bytes() const { return count_ * sizeof(T); }
  void write(size_t first, const std::vector<T>& values) {
    cuda::copy_to_device(data() + first, values.data(), values.size() * sizeof(T), nullptr);
  }
  std::vector<T> read(size_t first, size_t count) const {
    std::vector<T> values(count);
    cuda::copy_to_host(values.data(), data() + first, count * sizeof(T), nullptr);
    return values;
  }

 private:
  size_t count_;
  void* memory_ = nullptr;
};

}  // namespace lpreg::test
