#include <stdexcept>
#include <string>
#include <vector>

#include "cuda/device_api.h"
#include "tensor_memory.h"

namespace lpreg::golden {
namespace {

void check(int error, const char* what) {
  if (error != 0) throw std::runtime_error(std::string(what) + ": " + cuda::error_text(error));
}

class DeviceMemory : public TensorMemory {
 public:
  ~DeviceMemory() override {
    for (void* block : blocks_) cuda::release(block);
  }
  void* allocate(size_t bytes) override {
    void* memory = nullptr;
    check(cuda::allocate(&memory, bytes), "allocate");
    blocks_.push_back(memory);
    return memory;
  }
  void upload(void* target, const void* host, size_t bytes) override {
    check(cuda::copy_to_device(target, host, bytes, nullptr), "copy_to_device");
  }
  void download(void* host, const void* source, size_t bytes) override {
    check(cuda::copy_to_host(host, source, bytes, nullptr), "copy_to_host");
    check(cuda::synchronize(nullptr), "synchronize");
  }

 private:
  std::vector<void*> blocks_;
};

}  // namespace

std::unique_ptr<TensorMemory> device_memory() { return std::make_unique<DeviceMemory>(); }

}  // namespace lpreg::golden
