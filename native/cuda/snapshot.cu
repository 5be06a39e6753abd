// Proxy snapshots in compressed rows: counts to offsets by one block, then one read of the logits that writes
// the kept tokens in order.
#include "snapshot.h"

#include "../core/snapshot_row.h"
#include "row_packs.cuh"
#include "rows.h"
#include "scan.cuh"
#include "select.cuh"

namespace lpreg::cuda {

namespace {

// Out of line: the float64 tanh is long, and few tokens are kept.
__device__ __noinline__ bool capped_passes(const lpreg_row_options& options, float logit, float max,
                                           float cut) {
  return core::offset_passes(options, logit, max, cut);
}
__device__ __noinline__ float log_q_of(const lpreg_row_options& options, const lpreg_row_state& state,
                                       float logit) {
  return core::snapshot_log_q(options, state, logit);
}

// Whether a token is in the row's K; its numbers in registers.
struct KeptTest {
  const lpreg_row_options& options;
  float max, cut;

  __device__ KeptTest(const lpreg_row_options& row_options, const lpreg_row_state& state)
      : options(row_options), max(state.max), cut(state.cut) {}

  __device__ __forceinline__ bool keeps(float logit) const {
    return options.softcap == 0 ? core::uncapped_passes(logit, max, cut)
                                : capped_passes(options, logit, max, cut);
  }
};

}  // namespace

__global__ void __launch_bounds__(kRowThreads, 1)
    recount_kernel(const __grid_constant__ SnapshotArguments a) {
  const lpreg_batch& batch = a.pass.batch;
  const int64_t row = blockIdx.x;
  if (!core::is_valid_row(batch, row) || core::has_non_finite_logits(a.states[row])) return;
  const void* data = element_address(batch.logits, core::row_offset(batch, batch.logits, row));
  const KeptTest test(a.pass.row, a.states[row]);
  double count = 0;
  for (int64_t v = threadIdx.x; v < batch.vocab; v += blockDim.x) {
    count += test.keeps(load_any(data, batch.logits.dtype, v));
  }
  const double all = block_reduce(Sums<1>{{count}}).v[0];
  // The reduction's barriers lie between everyone's reads of the state and this write.
  if (threadIdx.x == 0) a.states[row].keep_count = static_cast<int32_t>(all);
}

__global__ void __launch_bounds__(kBatchThreads, 1)
    snapshot_rows_kernel(const __grid_constant__ SnapshotArguments a) {
  const lpreg_snapshot& snapshot = a.snapshot;
  const Stretch stretch = stretch_of_thread(a.pass.batch.rows);
  int64_t own = 0;
  for (int64_t row = stretch.begin; row < stretch.end; ++row) own += core::snapshot_entries(a.states[row]);
  int64_t next = sum_before(own);
  if (a.entries != nullptr && threadIdx.x == blockDim.x - 1) *a.entries = next + own;
  if (snapshot.row_ptr == nullptr) return;
  if (threadIdx.x == 0) snapshot.row_ptr[0] = 0;
  for (int64_t row = stretch.begin; row < stretch.end; ++row) {
    const lpreg_row_state& state = a.states[row];
    next += core::snapshot_entries(state);
    snapshot.row_ptr[row + 1] = next;
    snapshot.uniform[row] = core::is_uniform(state);
    snapshot.log_kept_mass[row] = static_cast<float>(state.log_kept_mass);
    if (next > snapshot.capacity) {
      atomic_min(&a.pass.status->first, finding(Check::kSnapshotCapacity, row));
    }
  }
}

template <class T>
__global__ void __launch_bounds__(kRowThreads, 2)
    snapshot_entries_kernel(const __grid_constant__ SnapshotArguments a) {
  const lpreg_batch& batch = a.pass.batch;
  const lpreg_snapshot& snapshot = a.snapshot;
  const int64_t row = blockIdx.x;
  int64_t next = snapshot.row_ptr[row];
  const int64_t end = snapshot.row_ptr[row + 1];
  if (next == end || end > snapshot.capacity) return;
  const KeptTest test(a.pass.row, a.states[row]);
  const T* data = static_cast<const T*>(batch.logits.data) + core::row_offset(batch, batch.logits, row);
  const RowPacks<T> packs(data, batch.vocab);
  int parity = 0;
  for (int64_t first = 0; first < packs.packs(); first += blockDim.x, parity ^= 1) {
    const int64_t pack = first + threadIdx.x;
    uint32_t kept = 0;  // a bit per token of the pack
    uint32_t count = 0;
    if (pack < packs.packs()) {
      float z[kPack<T>];
      packs.load(pack, z);
      LPREG_UNROLL
      for (int i = 0; i < kPack<T>; ++i) {
        const uint32_t keep = test.keeps(z[i]);
        kept |= keep << i;
        count += keep;
      }
    }
    const Prefix prefix = block_prefix(count, parity);
    int64_t at = next + prefix.before;
    for (int64_t token = packs.first_element(pack); kept != 0; kept >>= 1, ++token) {
      if ((kept & 1) == 0 || at >= end) continue;
      snapshot.ids[at] = static_cast<int32_t>(token);
      snapshot.log_q[at++] = log_q_of(a.pass.row, a.states[row], packs.at(token));
    }
    next += prefix.total;
  }
}

int launch_recount(const DeviceFacts& facts, const SnapshotArguments& arguments, void* stream) {
  const lpreg_batch& batch = arguments.pass.batch;
  return launch(recount_kernel, one_sweep_shape(facts, batch.rows, batch.vocab, 4), stream, arguments);
}

int launch_snapshot_rows(const DeviceFacts& facts, const SnapshotArguments& arguments, void* stream) {
  return launch(snapshot_rows_kernel, batch_shape(facts), stream, arguments);
}

int launch_snapshot_entries(const DeviceFacts& facts, const SnapshotArguments& arguments, void* stream) {
  const lpreg_batch& batch = arguments.pass.batch;
  const int64_t bytes = batch.logits.dtype == LPREG_FLOAT32 ? 4 : 2;
  const LaunchShape shape = one_sweep_shape(facts, batch.rows, batch.vocab, bytes);
  return launch(of_dtype(batch.logits.dtype, snapshot_entries_kernel<float>, snapshot_entries_kernel<Float16>,
                         snapshot_entries_kernel<BFloat16>),
                shape, stream, arguments);
}

}  // namespace lpreg::cuda
