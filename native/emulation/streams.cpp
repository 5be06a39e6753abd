#include "streams.h"

#include <memory>
#include <mutex>
#include <unordered_map>

namespace lpreg::emulation {
namespace {

std::mutex mutex;
std::unordered_map<void*, std::unique_ptr<char>> streams;  // a stream is the address of a byte

}  // namespace

void* new_stream() {
  auto handle = std::make_unique<char>();
  void* stream = handle.get();
  const std::lock_guard<std::mutex> lock(mutex);
  streams.emplace(stream, std::move(handle));
  return stream;
}

bool end_stream(void* stream) {
  const std::lock_guard<std::mutex> lock(mutex);
  return streams.erase(stream) == 1;
}

}  // namespace lpreg::emulation
