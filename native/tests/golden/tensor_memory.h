// Where a batch's tensors lie: host memory for the CPU back end, the device's for CUDA.
#pragma once

#include <cstddef>
#include <memory>

namespace lpreg::golden {

class TensorMemory {
 public:
  virtual ~TensorMemory() = default;
  // Valid until this object ends. Both throw std::runtime_error on failure.
  virtual void* allocate(size_t bytes) = 0;
  virtual void upload(void* target, const void* host, size_t bytes) = 0;
  virtual void download(void* host, const void* source, size_t bytes) = 0;
};

std::unique_ptr<TensorMemory> host_memory();
std::unique_ptr<TensorMemory> device_memory();  // only in programs that link device_tensor_memory.cpp

}  // namespace lpreg::golden
