#include <cstring>
#include <vector>

#include "tensor_memory.h"

namespace lpreg::golden {
namespace {

class HostMemory : public TensorMemory {
 public:
  void* allocate(size_t bytes) override {
    // Exactly as long as asked for, so that a sanitizer sees one element beyond.
    blocks_.emplace_back(new char[bytes]);
    std::memset(blocks_.back().get(), 0xff, bytes);
    return blocks_.back().get();
  }
  void upload(void* target, const void* host, size_t bytes) override { std::memcpy(target, host, bytes); }
  void download(void* host, const void* source, size_t bytes) override { std::memcpy(host, source, bytes); }

 private:
  std::vector<std::unique_ptr<char[]>> blocks_;
};

}  // namespace

std::unique_ptr<TensorMemory> host_memory() { return std::make_unique<HostMemory>(); }

}  // namespace lpreg::golden
