// How a kernel is launched: a pure function of sizes and of the device, tested without one.
#pragma once

#include "device_api.h"
#include "launch_shape.h"

namespace lpreg::cuda {

constexpr int kRowThreads =
    384;  // at most, of a kernel over whole rows: two such blocks may have 80 registers per thread
constexpr int kBatchThreads = 512;  // of a kernel over the whole batch, one block
constexpr int kSummaryThreads = 256;
constexpr int kMaxCluster = 8;

// A kernel that sweeps each row several times. Where holds_row is true, shared memory holds the row (its part
// of a cluster's): the logits are read once. Otherwise later sweeps read memory again.
LaunchShape several_sweeps_shape(const DeviceFacts& facts, int64_t rows, int64_t vocab, int64_t element_size);

// A kernel that sweeps each row once.
LaunchShape one_sweep_shape(const DeviceFacts& facts, int64_t rows, int64_t vocab, int64_t element_size);

// A thread per row; one block, which finds nothing to do, where there are none.
LaunchShape per_row_shape(int64_t rows);

// One block for the whole batch.
LaunchShape batch_shape(const DeviceFacts& facts);

}  // namespace lpreg::cuda
