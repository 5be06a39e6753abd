#include "failing_allocator.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace lpreg::test {
namespace {

std::atomic<bool> armed{false};
std::atomic<long> fault_at{-1};
std::atomic<long> asked{0};
std::atomic<bool> has_struck{false};
std::atomic<long> live{0};

bool strikes() {
  if (!armed.load()) return false;
  if (asked.fetch_add(1) != fault_at.load()) return false;
  has_struck.store(true);
  return true;
}

}  // namespace

AllocationFault::AllocationFault(long n) {
  asked.store(0);
  has_struck.store(false);
  fault_at.store(n);
  armed.store(true);
}

AllocationFault::~AllocationFault() { armed.store(false); }

bool AllocationFault::struck() const { return has_struck.load(); }
long AllocationFault::allocations() const { return asked.load(); }

long live_allocations() { return live.load(); }

void* allocate(size_t bytes, size_t alignment) noexcept {
  if (strikes()) return nullptr;
  void* memory = nullptr;
  if (posix_memalign(&memory, alignment, bytes == 0 ? 1 : bytes) != 0) return nullptr;
  live.fetch_add(1);
  return memory;
}

void* allocate_or_throw(size_t bytes, size_t alignment) {
  void* const memory = allocate(bytes, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void release(void* memory) noexcept {
  if (memory == nullptr) return;
  live.fetch_sub(1);
  std::free(memory);
}

}  // namespace lpreg::test

namespace test = lpreg::test;
constexpr size_t kAlignment = alignof(std::max_align_t);

void* operator new(size_t bytes) { return test::allocate_or_throw(bytes, kAlignment); }
void* operator new[](size_t bytes) { return test::allocate_or_throw(bytes, kAlignment); }
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return test::allocate(bytes, kAlignment); }
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept {
  return test::allocate(bytes, kAlignment);
}
void* operator new(size_t bytes, std::align_val_t alignment) {
  return test::allocate_or_throw(bytes, static_cast<size_t>(alignment));
}
void* operator new[](size_t bytes, std::align_val_t alignment) {
  return test::allocate_or_throw(bytes, static_cast<size_t>(alignment));
}
void operator delete(void* memory) noexcept { test::release(memory); }
void operator delete[](void* memory) noexcept { test::release(memory); }
void operator delete(void* memory, size_t) noexcept { test::release(memory); }
void operator delete[](void* memory, size_t) noexcept { test::release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { test::release(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { test::release(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { test::release(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { test::release(memory); }
