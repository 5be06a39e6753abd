#include "device_memory.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <string>

#include "config.h"
#include "grid.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace lpreg::emulation {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kAlignment = 256;                 // of cudaMalloc
constexpr size_t kPoisonLimit = size_t{64} << 20;  // larger allocations stay untouched, hence sparse

struct Allocation {
  char* mapping;
  size_t mapped, bytes;
  int device;
  Traffic traffic;
};

// Never destroyed: a process may end while another of its threads is the device.
auto& allocations = *new std::map<char*, Allocation>;  // by base
std::map<char*, Allocation>::iterator last_hit = allocations.end();
auto& allocated = *new std::map<int, size_t>;  // bytes by device
Traffic other, shared;
int access_depth = 0;

void protect(const Allocation& allocation, bool reachable) {
  mprotect(allocation.mapping + kPage, allocation.mapped - 2 * kPage,
           reachable ? PROT_READ | PROT_WRITE : PROT_NONE);
}

void protect_all(bool reachable) {
  for (const auto& entry : allocations) protect(entry.second, reachable);
}

Allocation* holder(const char* address) {
  if (last_hit != allocations.end() && address >= last_hit->first &&
      address < last_hit->first + last_hit->second.bytes) {
    return &last_hit->second;
  }
  auto next = allocations.upper_bound(const_cast<char*>(address));
  if (next == allocations.begin()) return nullptr;
  --next;
  if (address >= next->first + next->second.bytes && address >= next->second.mapping + next->second.mapped)
    return nullptr;
  last_hit = next;
  return &next->second;
}

struct sigaction earlier_action;

void on_fault(int, siginfo_t* info, void*) {
  const auto* address = static_cast<const char*>(info->si_addr);
  for (const auto& entry : allocations) {
    if (address < entry.second.mapping || address >= entry.second.mapping + entry.second.mapped) continue;
    const char inside[] = "lpreg emulation: host-access: host code touched device memory\n";
    const char beyond[] = "lpreg emulation: out-of-bounds: an access beyond an allocation of the device\n";
    const bool host = address >= entry.first && address < entry.first + entry.second.bytes;
    const ssize_t written = host ? write(2, inside, sizeof inside - 1) : write(2, beyond, sizeof beyond - 1);
    _exit(written > 0 ? 86 : 87);
  }
  sigaction(SIGSEGV, &earlier_action, nullptr);  // not ours: the access faults again
}

void watch_faults() {
  static const bool watching = [] {
    struct sigaction action {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO;
    return sigaction(SIGSEGV, &action, &earlier_action) == 0;
  }();
  (void)watching;
}

void mark_padding([[maybe_unused]] const Allocation& allocation, [[maybe_unused]] char* base,
                  [[maybe_unused]] bool poisoned) {
#if defined(__SANITIZE_ADDRESS__)
  char* first = allocation.mapping + kPage;
  char* end = allocation.mapping + allocation.mapped - kPage;
  __asan_unpoison_memory_region(first, static_cast<size_t>(end - first));
  if (!poisoned) return;
  __asan_poison_memory_region(first, static_cast<size_t>(base - first));
  __asan_poison_memory_region(base + allocation.bytes, static_cast<size_t>(end - base) - allocation.bytes);
#endif
}

}  // namespace

std::recursive_mutex& device_mutex() {
  static auto& mutex = *new std::recursive_mutex;
  return mutex;
}

// The end of the allocation lies as near to the inaccessible page behind it as the alignment allows.
void* allocate_device(size_t bytes) {
  const std::lock_guard<std::recursive_mutex> lock(device_mutex());
  if (bytes == 0 || bytes > config().device.memory_bytes - allocated[current_device]) return nullptr;
  watch_faults();
  const size_t inner = (bytes + kAlignment + kPage - 1) / kPage * kPage;
  void* memory =
      mmap(nullptr, inner + 2 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  const Allocation allocation{static_cast<char*>(memory), inner + 2 * kPage, bytes, current_device, {}};
  char* base = allocation.mapping + kPage + (inner - bytes) / kAlignment * kAlignment;
  protect(allocation, true);
  mark_padding(allocation, base, true);
  if (bytes <= kPoisonLimit) std::memset(base, 0xff, bytes);
  if (config().guard && access_depth == 0) protect(allocation, false);
  allocations[base] = allocation;
  allocated[current_device] += bytes;
  return base;
}

bool free_device(void* memory) {
  const std::lock_guard<std::recursive_mutex> lock(device_mutex());
  const auto found = allocations.find(static_cast<char*>(memory));
  if (found == allocations.end()) return false;
  mark_padding(found->second, found->first, false);
  munmap(found->second.mapping, found->second.mapped);
  allocated[found->second.device] -= found->second.bytes;
  allocations.erase(found);
  last_hit = allocations.end();
  return true;
}

int device_of_memory(const void* address) {
  const std::lock_guard<std::recursive_mutex> lock(device_mutex());
  const Allocation* allocation = holder(static_cast<const char*>(address));
  return allocation == nullptr ? -1 : allocation->device;
}

size_t device_allocations() {
  const std::lock_guard<std::recursive_mutex> lock(device_mutex());
  return allocations.size();
}

Traffic traffic_of(const void* address) {
  const std::lock_guard<std::recursive_mutex> lock(device_mutex());
  if (address == nullptr) return other;
  const Allocation* allocation = holder(static_cast<const char*>(address));
  return allocation == nullptr ? Traffic() : allocation->traffic;
}

Traffic shared_traffic() { return shared; }

void reset_traffic() {
  const std::lock_guard<std::recursive_mutex> lock(device_mutex());
  other = shared = Traffic();
  for (auto& entry : allocations) entry.second.traffic = Traffic();
}

void check_access(const void* address, size_t bytes, bool writes) {
  if (reinterpret_cast<uintptr_t>(address) % bytes != 0) {
    violation("misaligned", "an access of " + std::to_string(bytes) + " bytes at a misaligned address");
  }
  Traffic* traffic = &shared;
  if (!is_shared(address)) {
    const auto* byte = static_cast<const char*>(address);
    Allocation* allocation = holder(byte);
    if (allocation == nullptr && config().strict) {
      violation("host-memory", "a kernel reaches memory that is not the device's");
    }
    if (allocation != nullptr &&
        (byte < last_hit->first || byte + bytes > last_hit->first + allocation->bytes)) {
      violation("out-of-bounds", "an access of " + std::to_string(bytes) + " bytes, " +
                                     std::to_string(byte - last_hit->first) +
                                     " bytes into an allocation of " + std::to_string(allocation->bytes));
    }
    if (allocation != nullptr && allocation->device != grid.shape.device) {
      violation("other-device", "a kernel of device " + std::to_string(grid.shape.device) +
                                    " reaches memory of device " + std::to_string(allocation->device));
    }
    traffic = allocation == nullptr ? &other : &allocation->traffic;
  }
  (writes ? traffic->bytes_written : traffic->bytes_read) += bytes;
  ++(writes ? traffic->writes : traffic->reads);
}

DeviceAccess::DeviceAccess() {
  if (access_depth++ == 0 && config().guard) protect_all(true);
}

DeviceAccess::~DeviceAccess() {
  if (--access_depth == 0 && config().guard) protect_all(false);
}

}  // namespace lpreg::emulation
