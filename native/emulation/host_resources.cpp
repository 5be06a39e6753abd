#include "host_resources.h"

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <unordered_map>

namespace lpreg::emulation {
namespace {

struct Pinned {
  std::unique_ptr<char[]> memory;
  size_t bytes;
};

// Never destroyed: a process may end while another of its threads uses them.
auto& mutex = *new std::mutex;
auto& streams = *new std::unordered_map<void*, std::unique_ptr<int>>;  // a stream is where its device stands
auto& pinned = *new std::map<const char*, Pinned>;                     // by base

std::atomic<uint64_t> copied_to_device{0};
std::atomic<uint64_t> copied_to_host{0};

}  // namespace

CopiedBytes copied_bytes() { return {copied_to_device, copied_to_host}; }

void count_copy(uint64_t to_device, uint64_t to_host) {
  copied_to_device += to_device;
  copied_to_host += to_host;
}

void* new_stream(int device) {
  auto handle = std::make_unique<int>(device);
  void* stream = handle.get();
  const std::lock_guard<std::mutex> lock(mutex);
  streams.emplace(stream, std::move(handle));
  return stream;
}

bool end_stream(void* stream) {
  const std::lock_guard<std::mutex> lock(mutex);
  return streams.erase(stream) == 1;
}

int device_of_stream(void* stream, int otherwise) {
  const std::lock_guard<std::mutex> lock(mutex);
  const auto found = streams.find(stream);
  return found == streams.end() ? otherwise : *found->second;
}

void* allocate_pinned(size_t bytes) {
  Pinned allocation{std::unique_ptr<char[]>(new (std::nothrow) char[bytes]), bytes};
  char* base = allocation.memory.get();
  if (base == nullptr) return nullptr;
  const std::lock_guard<std::mutex> lock(mutex);
  pinned.emplace(base, std::move(allocation));
  return base;
}

bool free_pinned(void* memory) {
  const std::lock_guard<std::mutex> lock(mutex);
  return pinned.erase(static_cast<char*>(memory)) == 1;
}

size_t pinned_allocations() {
  const std::lock_guard<std::mutex> lock(mutex);
  return pinned.size();
}

size_t living_streams() {
  const std::lock_guard<std::mutex> lock(mutex);
  return streams.size();
}

bool is_pinned(const void* memory, size_t bytes) {
  const auto* address = static_cast<const char*>(memory);
  const std::lock_guard<std::mutex> lock(mutex);
  auto next = pinned.upper_bound(address);
  if (next == pinned.begin()) return false;
  --next;
  return address + bytes <= next->first + next->second.bytes;
}

}  // namespace lpreg::emulation
