// What a launch needs to know besides its kernel's arguments.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lpreg::cuda {

constexpr int kAsidePerThread = 12;  // elements of a row that a thread may put aside in the first sweep

struct LaunchShape {
  int64_t blocks;           // gridDim.x; a multiple of cluster
  int threads;              // per block, a multiple of 32
  int cluster = 1;          // blocks that share a row; above 1 only on compute capability 9.0 and later
  size_t shared_bytes = 0;  // dynamic shared memory per block
  // What any launch of the kernel may ask for as shared_bytes; 0: what every kernel may without asking. The
  // same for all launches on a device, since it is set for the kernel: another thread's smaller one would
  // fail this.
  size_t shared_limit = 0;
  bool holds_row = false;  // it has room for the block's part of the row
};

}  // namespace lpreg::cuda
