// What the emulated runtime hands out besides device memory: streams and pinned host memory. Any thread may
// call.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lpreg::emulation {

void* new_stream(int device);
bool end_stream(void* stream);                      // false: not a stream, or ended before
int device_of_stream(void* stream, int otherwise);  // otherwise: of a stream that this does not know

void* allocate_pinned(size_t bytes);  // null: out of memory
bool free_pinned(void* memory);       // false: not the base of an allocation
bool is_pinned(const void* memory, size_t bytes);

size_t pinned_allocations();
size_t living_streams();

// Bytes that copies between host and device have moved since the process began.
struct CopiedBytes {
  uint64_t to_device, to_host;
};
CopiedBytes copied_bytes();
void count_copy(uint64_t to_device, uint64_t to_host);

}  // namespace lpreg::emulation
