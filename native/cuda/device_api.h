// The host's side of a device: everything of the CUDA runtime that the engine uses, so that the engine itself
// compiles without CUDA's headers. Implemented by cudart.cpp, and by native/emulation for the host.
// Functions return 0 or a cudaError_t, to be handed to check_device().
#pragma once

#include <cstddef>
#include <cstdint>

namespace lpreg::cuda {

struct DeviceFacts {
  int compute_capability;  // 90 for 9.0
  int multiprocessors;
  int64_t shared_per_block;  // bytes a block may ask for (opt-in limit)
  int64_t l2_bytes;
  int forced_threads;  // threads per block and blocks per row in place of the plan's choice; 0: the plan's,
  int forced_cluster;  // cluster -1: rows are not staged. For tests; a real device leaves them 0
};

// Why no device can be used, nullptr when the current one can. Cheap after the first call; a literal or a
// text that lives as long as the process.
const char* unusable_reason();

int current_device(int* device);
int set_device(int device);
int device_facts(int device, DeviceFacts* facts);
int allocate(void** memory, size_t bytes);
void release(void* memory);
int set_zero(void* memory, size_t bytes, void* stream);
int copy_to_host(void* host, const void* device, size_t bytes, void* stream);
int copy_to_device(void* device, const void* host, size_t bytes, void* stream);  // host memory pageable
int synchronize(void* stream);
const char* error_text(int code);
bool is_out_of_memory(int code);
bool is_sticky(int code);  // the device context is lost; nothing but a new process helps

}  // namespace lpreg::cuda
