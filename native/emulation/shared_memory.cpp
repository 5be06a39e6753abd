// Shared memory of the CTAs of a cluster: dynamic first, then static arrays in order of declaration.
#include <sys/mman.h>

#include <cstdlib>
#include <string>

#include "config.h"
#include "grid.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace lpreg::emulation {
namespace {

constexpr size_t kArenaBytes = 256 * 1024;
constexpr size_t kRedZone = 32;

// Never destroyed, as in launch.cpp.
auto& arenas = *new std::vector<char*>;  // in use by this launch
auto& spare = *new std::vector<char*>;

char* take_arena() {
  if (!spare.empty()) {
    char* arena = spare.back();
    spare.pop_back();
    return arena;
  }
  void* memory =
      mmap(nullptr, kArenaBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) abort();
  return static_cast<char*>(memory);
}

// By hand: an intercepted memset would be an access of this fiber to TSan.
void poison(char* memory, size_t bytes) {
  for (volatile char* byte = memory; bytes > 0; --bytes) *byte++ = static_cast<char>(0xff);
}

void set_usable([[maybe_unused]] char* memory, [[maybe_unused]] size_t bytes, [[maybe_unused]] bool usable) {
#if defined(__SANITIZE_ADDRESS__)
  if (usable) {
    __asan_unpoison_memory_region(memory, bytes);
  } else {
    __asan_poison_memory_region(memory, bytes);
  }
#endif
}

size_t round_up(size_t value, size_t step) { return (value + step - 1) / step * step; }

int array_of(const void* key, size_t bytes, size_t alignment) {
  for (int i = 0; i < grid.array_count; ++i) {
    if (grid.arrays[i].key == key) return i;
  }
  if (grid.array_count == kMaxSharedArrays)
    violation("shared-memory", "more shared arrays than the emulation holds");
  const size_t offset = round_up(grid.shared_bytes + kRedZone, alignment < 16 ? 16 : alignment);
  grid.arrays[grid.array_count] = {key, offset, bytes};
  grid.shared_bytes = offset + bytes;
  size_t total = 0;
  for (int i = 0; i <= grid.array_count; ++i) total += grid.arrays[i].bytes;
  const Device& device = config().device;
  if (total > device.static_shared)
    violation("shared-memory", "more static shared memory than a block may have");
  const size_t allowed = grid.shape.dynamic_limit > 0 ? device.shared_per_block : device.static_shared;
  if (total + grid.shape.dynamic_shared > allowed ||
      total + grid.shape.dynamic_limit > device.shared_per_block) {
    violation("shared-memory", "static and dynamic shared memory exceed what a block may have");
  }
  return grid.array_count++;
}

}  // namespace

void prepare_shared(Block* block) {
  block->shared = take_arena();
  arenas.push_back(block->shared);
  set_usable(block->shared, kArenaBytes, false);
  set_usable(block->shared, grid.shape.dynamic_shared, true);
  poison(block->shared, grid.shape.dynamic_shared);
}

void finish_shared() {
  for (char* arena : arenas) {
    set_usable(arena, kArenaBytes, true);
#ifdef LPREG_EMULATION_TSAN
    munmap(arena, kArenaBytes);  // fresh shadow memory for the next launch
#else
    spare.push_back(arena);
#endif
  }
  arenas.clear();
}

// Clusters of one launch may share an arena where no race detector would take them for concurrent.
void recycle_shared() {
#ifndef LPREG_EMULATION_TSAN
  finish_shared();
#endif
}

void* static_shared(const void* key, size_t bytes, size_t alignment) {
  Block* block = grid.running->block;
  const int index = array_of(key, bytes, alignment);
  char* memory = block->shared + grid.arrays[index].offset;
  if (!block->declared[index]) {
    block->declared[index] = true;
    set_usable(memory, bytes, true);
    poison(memory, bytes);
  }
  return memory;
}

void* dynamic_shared() { return grid.running->block->shared; }

void* remote_shared(const void* own, unsigned rank) {
  Cluster& cluster = grid.cluster;
  Block* block = grid.running->block;
  const char* address = static_cast<const char*>(own);
  if (rank >= cluster.blocks.size()) violation("cluster-rank", "no CTA has the rank " + std::to_string(rank));
  if (address < block->shared || address >= block->shared + kArenaBytes) {
    violation("shared-memory", "not an address in the caller's shared memory");
  }
  Block* target = &cluster.blocks[rank];
  if (target == block) return const_cast<char*>(address);
  if (cluster.generation == 0) {
    violation("cluster-barrier-missing",
              "another CTA's shared memory is read before the first cluster barrier");
  }
  if (target->alive == 0) violation("cluster-early-exit", "the other CTA has already ended");
  target->last_remote_access = cluster.generation + 1;
  const size_t offset = static_cast<size_t>(address - block->shared);
  for (int i = 0; i < grid.array_count; ++i) {  // the remote CTA may not have come to its declaration yet
    if (offset < grid.arrays[i].offset || offset >= grid.arrays[i].offset + grid.arrays[i].bytes) continue;
    if (target->declared[i]) break;
    target->declared[i] = true;
    set_usable(target->shared + grid.arrays[i].offset, grid.arrays[i].bytes, true);
    poison(target->shared + grid.arrays[i].offset, grid.arrays[i].bytes);
  }
  return target->shared + offset;
}

bool is_shared(const void* address) {
  const auto* byte = static_cast<const char*>(address);
  for (const Block& block : grid.cluster.blocks) {
    if (byte >= block.shared && byte < block.shared + kArenaBytes) return true;
  }
  return false;
}

}  // namespace lpreg::emulation
