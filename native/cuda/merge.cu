// Merges of the pieces of split rows, and their states: a thread per row, every formula in core/row_merge.h.
#include "../core/row_merge.h"
#include "parts.h"
#include "platform.cuh"

namespace lpreg::cuda {

namespace {

__device__ int64_t row_of_thread() { return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; }

}  // namespace

__global__ void merge_parts_kernel(const __grid_constant__ MergeArguments a) {
  const int64_t row = row_of_thread();
  if (row >= a.rows) return;
  a.merged_parts[row] = core::merge_row_parts(a.options, a.parts, a.part_count, a.rows, row);
}

__global__ void merge_kept_kernel(const __grid_constant__ MergeArguments a) {
  const int64_t row = row_of_thread();
  if (row < a.rows) a.merged_kept[row] = core::merge_row_kept(a.kept, a.part_count, a.rows, row);
}

__global__ void finalize_kernel(const __grid_constant__ FinalizeArguments a) {
  const int64_t row = row_of_thread();
  if (row >= a.rows) return;
  const bool valid = a.mask == nullptr || a.mask[row] != 0;
  a.states[row] =
      valid ? core::finalize_merged(a.options, a.merged, a.kept, a.vocab_total, row) : core::masked_state();
}

int launch_merge_parts(const MergeArguments& arguments, void* stream) {
  return launch(merge_parts_kernel, per_row_shape(arguments.rows), stream, arguments);
}
int launch_merge_kept(const MergeArguments& arguments, void* stream) {
  return launch(merge_kept_kernel, per_row_shape(arguments.rows), stream, arguments);
}
int launch_finalize(const FinalizeArguments& arguments, void* stream) {
  return launch(finalize_kernel, per_row_shape(arguments.rows), stream, arguments);
}

}  // namespace lpreg::cuda
