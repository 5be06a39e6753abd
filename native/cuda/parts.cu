// Parts and kept pieces of the rows of a vocabulary shard, a block per row. Unlike the kernels over whole
// rows these know dtype alone at compile time: shards are rare, and one kernel per dtype serves all options.
#include "parts.h"

#include "../core/row_merge.h"
#include "distance.cuh"
#include "reduce.cuh"
#include "row_sweep.cuh"
#include "rows.h"

namespace lpreg::cuda {

namespace {

constexpr unsigned kPartThreads = 256;
constexpr unsigned kPartBlocks = 4;  // per multiprocessor

__device__ __forceinline__ float exp_of(float d, const ExpScale& scale) {
  return fast_exp2(d * scale.per_unit);
}

// Lets NaN through; a token without probability must not make 0 * -inf.
__device__ __forceinline__ float finite_distance(float d) { return d < -FLT_MAX ? -FLT_MAX : d; }

// Elements that a thread holds at once: half as many as elsewhere, for the sake of the size of the code; more
// warps at once make up for the loads in flight.
constexpr int kPartHeld = kHeld / 2;

// Calls f(z) for all elements of a row, kPartHeld per thread at once.
template <class T, class F>
__device__ __forceinline__ void for_each_held(const T* row, int64_t count, const F& f) {
  struct Body {
    const F& f;
    __device__ __forceinline__ void step(const Chunk<T, kPartHeld / kPack<T>>& chunk) {
      float z[kPartHeld];
      chunk.values(z);
      f(z);
    }
  } body{f};
  sweep_from_start<kPartHeld / kPack<T>>(Slice<T>{row, 0, static_cast<int>(count)}, body);
}

template <class T>
__device__ float maximum_of(const T* row, int64_t vocab) {
  Maximum<float> max = Maximum<float>::none();
  for_each_held(row, vocab, [&](const float(&z)[kPartHeld]) {
    LPREG_UNROLL
    for (const float value : z) max.join({value});
  });
  return block_reduce(max).v + 0.0f;  // never -0, whichever zero came first
}

// What a thread adds up: the float32 sums of kPartHeld elements at a time, in float64.
template <class T, int N, class Add>
__device__ __forceinline__ Sums<N> sums_of(const T* row, int64_t vocab, const Add& add) {
  Sums<N> total = Sums<N>::none();
  for_each_held(row, vocab, [&](const float(&z)[kPartHeld]) {
    float recent[N] = {};
    LPREG_UNROLL
    for (const float value : z) add(value, recent);
    LPREG_UNROLL
    for (int i = 0; i < N; ++i) total.v[i] += static_cast<double>(recent[i]);
  });
  return block_reduce(total);
}

// Maximisers are counted, not summed, as in the kernels over whole rows.
template <class T>
__device__ lpreg_row_part part_of(const RowPass& pass, const T* row) {
  const int64_t vocab = pass.batch.vocab;
  const float max = maximum_of(row, vocab);
  const Distance distance(max, pass);
  const bool wants_raw = core::filter_needs_raw_sum(pass.row);
  const Sums<4> sums = sums_of<T, 4>(row, vocab, [&](float z, float(&recent)[4]) {
    const float d = distance.at(z);
    const float e = exp_of(d, pass.scale);
    const bool is_max = z == max;
    recent[0] += is_max ? 1.0f : 0.0f;
    recent[1] += is_max ? 0.0f : e;
    recent[2] = fmaf(e, finite_distance(d), recent[2]);
    if (wants_raw) recent[3] += is_max ? 0.0f : exp_of(d, pass.raw_scale);
  });
  lpreg_row_part part = core::empty_part();
  part.max = max;
  part.max_count = max == kMinusInfinity ? 0.0 : sums.v[0];
  part.rest = max == -kMinusInfinity ? static_cast<double>(NAN) : sums.v[1];
  part.moment = sums.v[2] / pass.row.temperature;
  part.raw_rest = sums.v[3];
  return part;
}

template <class T>
__device__ lpreg_row_kept kept_of(const RowPass& pass, const T* row, float max, core::KeptRule rule) {
  const Distance distance(max, pass);
  const Sums<4> sums = sums_of<T, 4>(row, pass.batch.vocab, [&](float z, float(&recent)[4]) {
    const float d = distance.at(z);
    const float e = z == max ? 0.0f : exp_of(d, pass.scale);
    const bool keep = d >= rule.cut;
    recent[0] += keep ? e : 0.0f;
    recent[1] += keep ? 0.0f : e;
    recent[2] += rule.uniform && d > kMinusInfinity ? d : 0.0f;
    recent[3] += keep ? 1.0f : 0.0f;
  });
  return {sums.v[0], sums.v[1], sums.v[2] / pass.row.temperature, static_cast<int64_t>(sums.v[3])};
}

template <class T>
__device__ const T* shard_row(const RowPass& pass, int64_t row) {
  const lpreg_matrix& logits = pass.batch.logits;
  return static_cast<const T*>(logits.data) + core::row_offset(pass.batch, logits, row);
}

// -inf where another shard has the action.
template <class T>
__device__ float action_logit_of(const RowPass& pass, const T* data, int64_t row) {
  if (pass.batch.actions == nullptr) return kMinusInfinity;
  const int64_t column = core::action_of(pass.batch, row) - pass.vocab_start;
  return column >= 0 && column < pass.batch.vocab ? widen(load_element(data + column)) : kMinusInfinity;
}

}  // namespace

template <class T>
__global__ void __launch_bounds__(kPartThreads, kPartBlocks)
    row_parts_kernel(const __grid_constant__ PartsArguments a) {
  const int64_t row = blockIdx.x;
  lpreg_row_part part = core::empty_part();
  if (core::is_valid_row(a.pass.batch, row)) {
    const T* data = shard_row<T>(a.pass, row);
    part = part_of(a.pass, data);
    part.action_logit = action_logit_of(a.pass, data, row);
  }
  if (threadIdx.x == 0) a.parts[row] = part;
}

template <class T>
__global__ void __launch_bounds__(kPartThreads, kPartBlocks)
    row_kept_kernel(const __grid_constant__ KeptArguments a) {
  SHARED_ARRAY(core::KeptRule, rule, 1);
  const int64_t row = blockIdx.x;
  lpreg_row_kept kept = core::empty_kept();
  if (core::is_valid_row(a.pass.batch, row) && core::is_valid(a.merged[row])) {
    if (threadIdx.x == 0) rule[0] = core::kept_rule(a.pass.row, a.merged[row]);
    __syncthreads();  // between thread 0's rule and everyone's reads
    kept = kept_of(a.pass, shard_row<T>(a.pass, row), a.merged[row].max, rule[0]);
  }
  if (threadIdx.x == 0) a.kept[row] = kept;
}

namespace {

LaunchShape part_shape(const DeviceFacts& facts, const lpreg_batch& batch) {
  LaunchShape shape = one_sweep_shape(facts, batch.rows, batch.vocab, 4);
  if (shape.threads > static_cast<int>(kPartThreads)) shape.threads = static_cast<int>(kPartThreads);
  return shape;
}

}  // namespace

int launch_row_parts(const DeviceFacts& facts, const PartsArguments& arguments, void* stream) {
  const LaunchShape shape = part_shape(facts, arguments.pass.batch);
  return launch(of_dtype(arguments.pass.batch.logits.dtype, row_parts_kernel<float>,
                         row_parts_kernel<Float16>, row_parts_kernel<BFloat16>),
                shape, stream, arguments);
}

int launch_row_kept(const DeviceFacts& facts, const KeptArguments& arguments, void* stream) {
  const LaunchShape shape = part_shape(facts, arguments.pass.batch);
  return launch(of_dtype(arguments.pass.batch.logits.dtype, row_kept_kernel<float>, row_kept_kernel<Float16>,
                         row_kept_kernel<BFloat16>),
                shape, stream, arguments);
}

}  // namespace lpreg::cuda
