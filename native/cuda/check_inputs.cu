// The checks of SEMANTICS §8 that look at values, on the device: what the CPU does in
// engine/validate_inputs.cpp. The first finding goes to the status word.
#include "objective.h"
#include "platform.cuh"

namespace lpreg::cuda {

namespace {

__device__ void report(StatusWord* status, Check check, int64_t index) {
  atomic_min(&status->first, finding(check, index));
}

__device__ bool is_finite(double value) { return std::isfinite(value); }

__device__ void check_finite(const InputArguments& a, Check check, const float* values, int64_t row) {
  if (values != nullptr && !is_finite(values[row])) report(a.status, check, row);
}

// Values of one row; those that only valid rows need are not read elsewhere.
__device__ void check_row(const InputArguments& a, int64_t row) {
  const lpreg_batch& batch = a.batch;
  if (batch.mask != nullptr && batch.mask[row] > 1) report(a.status, Check::kMask, row);
  if (a.checks_objective && batch.chosen != nullptr && batch.chosen[row] > 1) {
    report(a.status, Check::kChosen, row);
  }
  if (!core::is_valid_row(batch, row)) return;
  if (a.checks_actions && batch.actions != nullptr) {
    const int64_t action = core::action_of(batch, row);
    if (action < 0 || action >= a.vocab_total) report(a.status, Check::kActions, row);
  }
  check_finite(a, Check::kLogProbs, a.log_probs, row);
  check_finite(a, Check::kEntropies, a.entropies, row);
  check_finite(a, Check::kCotangentLogProb, a.cotangent_log_prob, row);
  check_finite(a, Check::kCotangentEntropy, a.cotangent_entropy, row);
  check_finite(a, Check::kCotangentKl, a.cotangent_kl, row);
  if (!a.checks_objective) return;
  const int64_t advantage = batch.advantages_per_sequence != 0 ? core::sequence_of(batch, row) : row;
  if (!is_finite(batch.advantages[advantage])) report(a.status, Check::kAdvantages, advantage);
  check_finite(a, Check::kOldLogProbs, batch.old_log_probs, row);
  check_finite(a, Check::kRefLogProbs, batch.ref_log_probs, row);
  check_finite(a, Check::kRolloutWeights, batch.rollout_weights, row);
  // -inf says that the filter dropped the action.
  if (batch.proxy_log_probs != nullptr && !(batch.proxy_log_probs[row] < HUGE_VALF)) {
    report(a.status, Check::kProxyLogProbs, row);
  }
}

__device__ void check_snapshot_row(const InputArguments& a, int64_t row) {
  const lpreg_snapshot& snapshot = a.snapshot;
  const int64_t begin = snapshot.row_ptr[row];
  const int64_t end = snapshot.row_ptr[row + 1];
  bool holds = begin >= 0 && begin <= end && end <= snapshot.capacity && (row > 0 || begin == 0);
  if (core::is_valid_row(a.batch, row) && begin == end && snapshot.uniform[row] == 0) holds = false;
  for (int64_t k = begin; holds && k < end; ++k) {
    const int64_t previous = k == begin ? -1 : snapshot.ids[k - 1];
    holds = snapshot.ids[k] > previous && snapshot.ids[k] < a.batch.vocab && snapshot.log_q[k] <= 0;
  }
  if (!holds) report(a.status, Check::kSnapshot, row);
}

__device__ void check_sequence(const InputArguments& a, int64_t b) {
  const lpreg_batch& batch = a.batch;
  const int64_t begin = core::sequence_begin(batch, b);
  const int64_t end = core::sequence_end(batch, b);
  if (b == 0 && begin != 0) report(a.status, Check::kSequences, 0);
  const bool last = b + 1 == batch.sequences;
  if (end < begin || (last && end != batch.rows)) report(a.status, Check::kSequences, b + 1);
  // One of the above holds for some sequence where bounds lie outside of the rows.
  if (begin < 0 || end > batch.rows) return;
  if (!a.checks_objective || batch.sequence_lengths == nullptr) return;
  bool any_valid = false;
  for (int64_t row = begin; row < end && !any_valid; ++row) any_valid = core::is_valid_row(batch, row);
  const double length = batch.sequence_lengths[b];
  if (any_valid && !(length > 0 && is_finite(length))) report(a.status, Check::kSequenceLengths, b);
}

__device__ void check_positive(const InputArguments& a, Check check, const lpreg_scalar& scalar) {
  const double value = core::scalar_value(scalar, 1);
  if (!(value > 0 && is_finite(value))) report(a.status, check, 0);
}

// Scalars that the host could not look at.
__device__ void check_scalars(const InputArguments& a) {
  if (!is_finite(core::scalar_value(a.grad_output, 1))) report(a.status, Check::kGradOutput, 0);
  if (!a.checks_objective) return;
  const double threshold = core::scalar_value(a.batch.prob_threshold, 0);
  if (!(threshold >= 0 && is_finite(threshold))) report(a.status, Check::kThreshold, 0);
  check_positive(a, Check::kTokenCount, a.batch.token_count);
  check_positive(a, Check::kSequenceCount, a.batch.sequence_count);
  check_positive(a, Check::kMaxLength, a.batch.max_length);
}

}  // namespace

// Before the checks and not among them, whose findings it must not see.
__global__ void begin_call_kernel(StatusWord* status) {
  // A call after a finding that nobody has read yet adds nothing to what is known of the first one.
  if (threadIdx.x == 0 && status->first == kNothingFound) status->written = 0;
}

__global__ void check_inputs_kernel(InputArguments arguments) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i == 0) check_scalars(arguments);
  if (i < arguments.batch.rows) {
    check_row(arguments, i);
    if (arguments.batch.proxy_snapshot != nullptr) check_snapshot_row(arguments, i);
  }
  if (i < arguments.batch.sequences) check_sequence(arguments, i);
}

__global__ void check_mark_kernel(const WorkspaceMark* mark, int64_t rows, StatusWord* status) {
  if (threadIdx.x != 0) return;
  if (mark->magic != kWorkspaceMagic || mark->rows != rows) report(status, Check::kWorkspace, 0);
}

int launch_check_inputs(const InputArguments& arguments, void* stream) {
  if (const int error = launch(begin_call_kernel, per_row_shape(1), stream, arguments.status)) return error;
  const int64_t items =
      arguments.batch.rows > arguments.batch.sequences ? arguments.batch.rows : arguments.batch.sequences;
  return launch(check_inputs_kernel, per_row_shape(items), stream, arguments);
}

int launch_check_mark(const WorkspaceMark* mark, int64_t rows, StatusWord* status, void* stream) {
  return launch(check_mark_kernel, per_row_shape(1), stream, mark, rows, status);
}

}  // namespace lpreg::cuda
