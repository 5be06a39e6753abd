#include "host_mirror.h"

namespace lpreg {
namespace {

size_t aligned(size_t bytes) { return (bytes + 255) / 256 * 256; }

}  // namespace

void HostMirror::add_bytes(void* slot, const void* host, size_t bytes, Copied direction) {
  if (host == nullptr || bytes == 0) return;
  entries_.push_back({slot, const_cast<void*>(host), bytes, direction});
}

void HostMirror::place(DeviceArena* arena, void* stream) {
  size_t total = 0;
  for (const Entry& entry : entries_) total += aligned(entry.bytes);
  char* next = total == 0 ? nullptr : arena->reserve(total);
  for (Entry& entry : entries_) {
    entry.device = next;
    next += aligned(entry.bytes);
    std::memcpy(entry.slot, static_cast<const void*>(&entry.device), sizeof entry.device);
    if (entry.host == nullptr || entry.direction != Copied::kIn) continue;
    check_device(cuda::copy_to_device(entry.device, entry.host, entry.bytes, stream));
  }
}

void HostMirror::fetch(void* stream) const {
  for (const Entry& entry : entries_) {
    if (entry.direction != Copied::kOut) continue;
    check_device(cuda::copy_to_host(entry.host, entry.device, entry.bytes, stream));
  }
  check_device(cuda::synchronize(stream));
}

}  // namespace lpreg
