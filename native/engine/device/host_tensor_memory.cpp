#include "host_tensor_memory.h"

namespace lpreg {
namespace {

constexpr int64_t kDefaultBound = int64_t{192} << 20;

}  // namespace

HostTensorMemory::HostTensorMemory(int64_t staging_bytes)
    : bound(staging_bytes == 0 ? kDefaultBound : staging_bytes) {
  if (staging_bytes < 0) {
    throw Failure{LPREG_ERR_OPTION, "staging_bytes", -1, "must be greater than 0, or 0 for the default"};
  }
}

void* HostTensorMemory::stream() {
  if (stream_ == nullptr) check_device(cuda::create_stream(&stream_));
  return stream_;
}

void HostTensorMemory::clear() {
  staging.clear();
  arena.clear();
  if (stream_ != nullptr) cuda::destroy_stream(stream_);
  stream_ = nullptr;
}

}  // namespace lpreg
