// The scalar stage on the device: one thread per row for the objective, one block for loss and metrics. Every
// formula is in core/.
#include "objective.h"

#include "reduce.cuh"

namespace lpreg::cuda {

namespace {

__device__ int64_t row_of_thread() { return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; }

__device__ void report(StatusWord* status, Check check, int64_t index) {
  atomic_min(&status->first, finding(check, index));
}

}  // namespace

__global__ void states_from_arrays_kernel(TokenArguments a) {
  const int64_t row = row_of_thread();
  if (row >= a.pass.batch.rows) return;
  const bool valid = core::is_valid_row(a.pass.batch, row);
  a.states[row] = valid ? core::state_from_arrays(a.tokens, row) : core::masked_state();
}

__global__ void write_statistics_kernel(TokenArguments a) {
  const int64_t row = row_of_thread();
  if (row >= a.pass.batch.rows) return;
  const lpreg_row_state& state = a.states[row];
  const bool unknown = (state.flags & (LPREG_ROW_MASKED | LPREG_ROW_NON_FINITE)) != 0;
  if (a.report_kl && !unknown && !std::isfinite(state.kl)) report(a.pass.status, Check::kKl, row);
  core::write_row_statistics(a.outputs, a.pass.row, row, state);
}

__global__ void evaluate_kernel(EvaluateArguments a) {
  const int64_t row = row_of_thread();
  if (row >= a.batch.rows || (a.only != nullptr && a.only[row] == 0)) return;
  const lpreg_row_state& state = a.states[row];
  const core::RowResult result = core::evaluate_row(a.options, a.batch, *a.selection, row, state);
  core::write_row(a.coefficients, a.outputs, a.options.row, *a.selection, row, state, result);
  a.results[row] = result;
}

// Each thread adds a fixed set of rows, thread 0 the threads in order.
__global__ void __launch_bounds__(kSummaryThreads) summarize_kernel(SummaryArguments a) {
  SHARED_ARRAY(core::LossSums, of_thread, kSummaryThreads);
  const EvaluateArguments& e = a.evaluated;
  core::LossSums sums = core::no_sums();
  for (int64_t row = threadIdx.x; row < e.batch.rows; row += blockDim.x) {
    core::add_row(&sums, e.options, e.batch, *e.selection, row, e.states[row], e.results[row]);
    if (a.report_non_finite && core::has_overflowed(e.coefficients, row, e.states[row], e.results[row])) {
      report(a.status, a.check, row);
    }
  }
  of_thread[threadIdx.x] = sums;
  __syncthreads();  // between the threads' sums and thread 0's reads
  if (threadIdx.x != 0) return;
  for (uint32_t i = 1; i < blockDim.x; ++i) core::merge_sums(&sums, of_thread[i]);
  if (a.result != nullptr) {
    *a.result = core::finish_sums(sums, e.options, e.selection->threshold.delta, a.has_entropy, a.has_kl);
  }
  if (a.mark != nullptr) *a.mark = {kWorkspaceMagic, e.batch.rows};
}

int launch_states_from_arrays(const TokenArguments& arguments, void* stream) {
  return launch(states_from_arrays_kernel, per_row_shape(arguments.pass.batch.rows), stream, arguments);
}
int launch_write_statistics(const TokenArguments& arguments, void* stream) {
  return launch(write_statistics_kernel, per_row_shape(arguments.pass.batch.rows), stream, arguments);
}
int launch_evaluate(const EvaluateArguments& arguments, void* stream) {
  return launch(evaluate_kernel, per_row_shape(arguments.batch.rows), stream, arguments);
}
int launch_summarize(const DeviceFacts& facts, const SummaryArguments& arguments, void* stream) {
  LaunchShape shape = batch_shape(facts);
  if (shape.threads > kSummaryThreads) shape.threads = kSummaryThreads;
  return launch(summarize_kernel, shape, stream, arguments);
}

}  // namespace lpreg::cuda
