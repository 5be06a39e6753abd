// Statistics of short rows in float64 (core/short_row.h), whatever their dtype: a block per row, a thread per
// element.
#include "../core/exact_sums.h"
#include "reduce.cuh"
#include "row_frame.cuh"
#include "stats.cuh"

namespace lpreg::cuda {

namespace {

// An element in the sums of its row.
struct Element {
  bool present, is_max;
  float logit;
  double offset;  // (z' - max') / t

  __device__ core::ExactSums sums(const lpreg_row_options& options, bool keep) const {
    core::ExactSums of_element;
    if (present) of_element.add(options, offset, is_max, keep);
    return of_element;
  }
};

__device__ void sum_row(const RowPass& pass, const Element& element, float max, lpreg_row_part* part) {
  const core::ExactSums own = element.sums(pass.row, false);
  const Sums<4> all = block_reduce(Sums<4>{{own.max_count, own.dropped, own.moment, own.raw_rest}});
  if (threadIdx.x != 0) return;
  part->max = max;
  part->max_count = max == kMinusInfinity ? 0.0 : all.v[0];
  part->rest = max == -kMinusInfinity ? static_cast<double>(NAN) : all.v[1];  // NaN where an element is
  part->moment = all.v[2];
  part->raw_rest = all.v[3];
}

__device__ void sum_kept(const RowPass& pass, const Element& element, float max, float cut,
                         lpreg_row_kept* kept) {
  const bool keep = element.present && core::offset_passes(pass.row, element.logit, max, cut);
  const core::ExactSums own = element.sums(pass.row, keep);
  const Sums<4> all =
      block_reduce(Sums<4>{{own.kept_rest, own.dropped, own.linear, static_cast<double>(own.kept)}});
  if (threadIdx.x == 0) *kept = {all.v[0], all.v[1], all.v[2], static_cast<int64_t>(all.v[3])};
}

// By all threads; thread 0 leaves the state.
__device__ void state_of_row(const RowPass& pass, int64_t row, lpreg_row_state* state) {
  SHARED_ARRAY(RowSums, sums, 1);
  const lpreg_matrix& logits = pass.batch.logits;
  const void* data = element_address(logits, core::row_offset(pass.batch, logits, row));
  const int64_t action = action_or_none(pass, row);
  Element element{threadIdx.x < pass.batch.vocab, false, kMinusInfinity, 0};
  if (element.present) element.logit = load_any(data, logits.dtype, threadIdx.x);
  const float max =
      block_reduce(Maximum<float>{element.logit}).v + 0.0f;  // never -0, whichever zero came first
  element.is_max = element.logit == max;
  element.offset = core::scaled_offset(element.logit, finite_maximum(max), pass.row);
  sum_row(pass, element, max, &sums->part);
  if (threadIdx.x == 0) {
    sums->part.action_logit = action < 0 ? kMinusInfinity : load_any(data, logits.dtype, action);
    finish_part(pass, action >= 0, sums, state);
  }
  __syncthreads();  // between thread 0's state and rule and everyone's reads
  if (pass.row.filter_kind != LPREG_FILTER_NONE && !core::has_non_finite_logits(*state)) {
    sum_kept(pass, element, max, sums->rule.cut, &sums->kept);
    if (threadIdx.x == 0) finish_kept(pass, action >= 0, sums, state);
  }
  if (threadIdx.x == 0) end_state(pass, row, state);
}

}  // namespace

__global__ void __launch_bounds__(core::kShortRow)
    short_states_kernel(const __grid_constant__ StatesArguments a) {
  SHARED_ARRAY(lpreg_row_state, state, 1);
  const int64_t row = a.pass.first_row + blockIdx.x;
  if (core::is_valid_row(a.pass.batch, row)) {
    state_of_row(a.pass, row, state);
  } else if (threadIdx.x == 0) {
    state[0] = core::masked_state();
  }
  if (threadIdx.x == 0) write_state(a, row, state[0]);
}

int launch_short_states(const StatesArguments& arguments, void* stream) {
  LaunchShape shape{};
  shape.blocks = arguments.pass.row_count;
  shape.threads = core::kShortRow;
  return launch(short_states_kernel, shape, stream, arguments);
}

}  // namespace lpreg::cuda
