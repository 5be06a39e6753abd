// The host's side of a device: everything of the CUDA runtime that the engine uses, so that the engine itself
// compiles without CUDA's headers. Implemented by cudart.cpp, and by native/emulation for the host.
// Functions return 0 or a cudaError_t, to be handed to check_device().
#pragma once

#include <cstddef>
#include <cstdint>

#include "availability.h"

namespace lpreg::cuda {

struct DeviceFacts {
  int compute_capability;  // 90 for 9.0
  int multiprocessors;
  int64_t shared_per_block;  // bytes a block may ask for (opt-in limit)
  int64_t l2_bytes;
  bool has_clusters;   // blocks of a cluster may share a row; known once the kernels have been probed
  int forced_threads;  // threads per block and blocks per row in place of the plan's choice; 0: the plan's,
  int forced_cluster;  // cluster -1: rows are not staged. For tests; a real device leaves them 0
};

struct DeviceDescription {
  char name[256];
  int64_t memory_bytes;
  int compute_capability;
  int multiprocessors;
};

// Looks for driver and devices without starting CUDA on any of them.
Availability availability();
int describe_device(int device, DeviceDescription* description);

int current_device(int* device);
int set_device(int device);
int device_facts(int device, DeviceFacts* facts);
int device_of_pointer(const void* pointer, int* device);  // -1: memory of no device
int allocate(void** memory, size_t bytes);
int release(void* memory);                         // waits for the device; nullptr is allowed
int allocate_pinned(void** memory, size_t bytes);  // of the host, reached by the device while others work
int release_pinned(void* memory);                  // nullptr is allowed
int create_stream(void** stream);
int destroy_stream(void* stream);
int set_zero(void* memory, size_t bytes, void* stream);
// Pageable host memory may change, or is complete, when these return; pinned memory once the stream is waited
// for.
int copy_to_host(void* host, const void* device, size_t bytes, void* stream);
int copy_to_device(void* device, const void* host, size_t bytes, void* stream);
int synchronize(void* stream);
const char* error_text(int code);
bool is_out_of_memory(int code);
bool is_without_kernels(int code);  // no machine code for the device
bool is_sticky(int code);           // the device context is lost; nothing but a new process helps

}  // namespace lpreg::cuda
