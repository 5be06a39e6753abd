// Execution of one grid: a fiber per CUDA thread, one operating-system thread in all. The CTAs of a cluster
// run together, clusters one after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "fiber.h"
#include "vector_types.h"

namespace lpreg::emulation {

// What a grid did wrong; kind is empty when nothing. Kinds: launch, deadlock, barrier-divergence,
// absent-lane, cluster-barrier-missing, cluster-early-exit, cluster-rank, shared-memory, misaligned,
// out-of-bounds, host-memory, other-device.
struct Report {
  std::string kind, message;
  bool ok() const { return kind.empty(); }
};

struct LaunchShape {
  dim3 grid, block;
  unsigned cluster;
  size_t dynamic_shared, dynamic_limit;  // limit 0: static and dynamic share what every kernel has
  int device;
};

Report execute(const LaunchShape& shape, void (*body)(const void*), const void* argument);

// ------------------------------------------------------------------------- inside a kernel, from device.h

struct ThreadPlace {
  uint3 thread, block;
  dim3 block_size, grid_size;
  unsigned cluster_rank, cluster_size, lane;
};
extern const ThreadPlace* place;  // of the thread that runs

// Ends the grid with this report; the calling thread does not go on.
[[noreturn]] void violation(const char* kind, std::string message);

// Whether the barrier at this place is the one that the configuration leaves out.
bool is_left_out(const char* file, int line);
// "FILE:LINE" of every barrier that was reached so far, in order of the text.
std::vector<std::string> barriers_reached();

void block_barrier(const char* file, int line);  // file NULL: the place is not known
void cluster_arrive();
void cluster_wait();

// All 32 lanes give a value; each gets that of the lane `source`. Orders no memory, as on the device.
uint64_t warp_shuffle(uint64_t value, unsigned source);

// Shared memory is poisoned with 0xff bytes (NaN) until written.
void* static_shared(const void* key, size_t bytes, size_t alignment);
void* dynamic_shared();
// The same place in the shared memory of CTA `rank` of the cluster; each call is one access.
void* remote_shared(const void* own, unsigned rank);
bool is_shared(const void* address);

}  // namespace lpreg::emulation
