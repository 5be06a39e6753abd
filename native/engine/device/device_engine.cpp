// The operations of device_engine.h over CUDA: checks that need no value of a tensor, then passes on the
// caller's stream. Nothing here waits for the device but synchronize() and calls over host memory.
#include "../device_engine.h"

#include "../../cuda/probe.h"
#include "../row_loop.h"
#include "device_guard.h"
#include "device_loss.h"
#include "device_shards.h"
#include "device_snapshot.h"
#include "host_tensor_calls.h"

namespace lpreg {
namespace {

class CudaEngine : public DeviceEngine {
 public:
  CudaEngine(int device, int64_t staging_bytes) : device_(device), host_tensors_(facts_, staging_bytes) {
    check_device(cuda::device_facts(device, &facts_));
    const DeviceGuard guard(device_);
    require_kernels();
    status_ = reinterpret_cast<cuda::StatusWord*>(status_memory_.reserve(sizeof(cuda::StatusWord)));
    check_device(reset_status(nullptr));
    check_device(cuda::synchronize(nullptr));
  }
  ~CudaEngine() override {
    quietly_on(device_, [this] {
      host_tensors_.clear();
      status_memory_.clear();
    });
  }

  int device() const override { return device_; }

  void synchronize(void* stream) override {
    const DeviceGuard guard(device_);
    cuda::StatusWord found{};
    check_device(cuda::copy_to_host(&found, status_, sizeof found, stream));
    check_device(cuda::synchronize(stream));
    if (found.first == cuda::kNothingFound) return;
    check_device(reset_status(stream));
    throw_finding(found);
  }

  size_t workspace_size(const lpreg_loss_options& options, const lpreg_batch& batch) override {
    check_loss_options(options);
    check_layout(batch, Memory::kDevice);
    DeviceWorkspace workspace{};
    return lay_out(nullptr, batch.rows, batch.sequences, has_proxy_states(options), &workspace);
  }

  void loss_forward(const LossCall& call, const lpreg_token_outputs* outputs,
                    lpreg_loss_result* result) override {
    const DeviceGuard guard(device_);
    if (is_over_host_memory(call.call)) return host_tensors_.loss_forward(call, outputs, result);
    check_loss_call(call, true);
    check_outputs(call.batch, outputs, nullptr);
    const DeviceStream on = stream_of(call.call);
    WholeBatch rows(call.batch, {}, on.stream);
    DeviceLossRun run(on, &rows, call, outputs, result);
    run.check_inputs(kNoScalar);
    run.forward();
  }

  void loss_backward(const LossCall& call, const lpreg_scalar& grad_output,
                     const lpreg_matrix& gradient) override {
    const DeviceGuard guard(device_);
    if (is_over_host_memory(call.call)) return host_tensors_.loss_backward(call, grad_output, gradient);
    check_loss_call(call, false);
    check_gradient(call.batch, gradient);
    check_grad_output(grad_output, Memory::kDevice);
    const DeviceStream on = stream_of(call.call);
    WholeBatch rows(call.batch, gradient, on.stream);
    DeviceLossRun run(on, &rows, call, nullptr, nullptr);
    cuda::InputArguments inputs = input_arguments(on, call.batch);
    inputs.grad_output = grad_output;
    inputs.checks_actions = true;
    check_device(cuda::launch_check_inputs(inputs, on.stream));
    const auto* mark = static_cast<const cuda::WorkspaceMark*>(call.workspace);
    check_device(cuda::launch_check_mark(mark, call.batch.rows, status_, on.stream));
    run.backward(grad_output, nullptr);
  }

  void loss_forward_backward(const LossCall& call, const lpreg_scalar& grad_output,
                             const lpreg_matrix& gradient, const lpreg_token_outputs* outputs,
                             lpreg_loss_result* result) override {
    const DeviceGuard guard(device_);
    if (is_over_host_memory(call.call)) {
      return host_tensors_.loss_forward_backward(call, grad_output, gradient, outputs, result);
    }
    check_loss_call(call, true);
    check_gradient(call.batch, gradient);
    check_outputs(call.batch, outputs, &gradient);
    check_grad_output(grad_output, Memory::kDevice);
    const DeviceStream on = stream_of(call.call);
    WholeBatch rows(call.batch, gradient, on.stream);
    DeviceLossRun run(on, &rows, call, outputs, result);
    run.check_inputs(grad_output);
    if (is_fusable(call, gradient)) {
      run.single_pass(grad_output);
    } else {
      run.forward();
      run.backward(grad_output, nullptr);
    }
  }

  void objective(const LossCall& call, const lpreg_token_outputs& tokens, const lpreg_token_outputs* outputs,
                 lpreg_loss_result* result) override {
    const DeviceGuard guard(device_);
    if (is_over_host_memory(call.call)) return host_tensors_.objective(call, tokens, outputs, result);
    check_loss_options(call.options);
    check_layout(call.batch, Memory::kDevice);
    check_objective_pointers(call.options, call.batch, Memory::kDevice);
    if (call.batch.rows > 0) check_tokens(call.options, tokens);
    check_outputs(call.batch, outputs, nullptr);
    const DeviceStream on = stream_of(call.call);
    WholeBatch rows(call.batch, {}, on.stream);
    DeviceLossRun(on, &rows, call, outputs, result).from_arrays(tokens);
  }

  void token_stats(const RowCall& call, int32_t non_finite, lpreg_row_state* states,
                   lpreg_row_state* proxy_states, const lpreg_token_outputs* outputs) override {
    const DeviceGuard guard(device_);
    if (is_over_host_memory(call.call)) {
      return host_tensors_.token_stats(call, non_finite, states, proxy_states, outputs);
    }
    check_row_call(call, states, proxy_states);
    check_outputs(call.batch, outputs, nullptr);
    if (call.batch.rows == 0) return;
    const DeviceStream on = stream_of(call.call);
    check_row_values(on, call, {nullptr, nullptr, nullptr});
    WholeBatch rows(call.batch, {}, on.stream);
    run_token_stats(on, &rows, call.options, call.batch, non_finite, states, proxy_states, outputs);
  }

  void token_stats_backward(const RowCall& call, const lpreg_row_state* states,
                            const lpreg_row_state* proxy_states, const RowCotangents& cotangents,
                            const lpreg_matrix& gradient) override {
    const DeviceGuard guard(device_);
    if (is_over_host_memory(call.call)) {
      return host_tensors_.token_stats_backward(call, states, proxy_states, cotangents, gradient);
    }
    check_row_call(call, states, proxy_states);
    check_gradient(call.batch, gradient);
    check_cotangent_pointers(call, cotangents);
    if (call.batch.rows == 0) return;
    const DeviceStream on = stream_of(call.call);
    check_row_values(on, call, cotangents);
    WholeBatch rows(call.batch, gradient, on.stream);
    run_gradient(on, &rows, cuda::row_pass(call.batch, call.options, status_),
                 {states, proxy_states, cotangents, kNoScalar, nullptr});
  }

  void row_parts(const RowCall& call, Shard shard, lpreg_row_part* parts) override {
    const DeviceGuard guard(device_);
    device_row_parts(stream_of(call.call), call, shard, parts);
  }

  void row_parts_merge(const PartsCall& call, const lpreg_row_options& options, int64_t part_count,
                       const lpreg_row_part* parts, lpreg_row_part* merged) override {
    const DeviceGuard guard(device_);
    device_merge_parts(stream_of(call.call), call, options, part_count, parts, merged);
  }

  void row_kept(const RowCall& call, Shard shard, const lpreg_row_part* merged,
                lpreg_row_kept* kept) override {
    const DeviceGuard guard(device_);
    device_row_kept(stream_of(call.call), call, shard, merged, kept);
  }

  void row_kept_merge(const PartsCall& call, int64_t part_count, const lpreg_row_kept* kept,
                      lpreg_row_kept* merged) override {
    const DeviceGuard guard(device_);
    device_merge_kept(stream_of(call.call), call, part_count, kept, merged);
  }

  void row_finalize(const PartsCall& call, const lpreg_row_options& options, const MergedRows& rows,
                    lpreg_row_state* states) override {
    const DeviceGuard guard(device_);
    device_finalize(stream_of(call.call), call, options, rows, states);
  }

  void row_gradient(const RowCall& call, Shard shard, const lpreg_row_state* states,
                    const RowCotangents& cotangents, const lpreg_matrix& gradient) override {
    const DeviceGuard guard(device_);
    device_row_gradient(stream_of(call.call), call, shard, states, cotangents, gradient);
  }

  void snapshot_size(const RowCall& call, lpreg_row_state* states, int64_t* entries) override {
    const DeviceGuard guard(device_);
    if (is_over_host_memory(call.call)) {
      *entries = host_tensors_.snapshot_size(call, states);
      return;
    }
    device_snapshot_size(stream_of(call.call), call, states, entries);
  }

  void snapshot_write(const RowCall& call, lpreg_row_state* states, lpreg_snapshot* snapshot) override {
    check_snapshot_target(call, snapshot);
    const DeviceGuard guard(device_);
    if (is_over_host_memory(call.call)) return host_tensors_.snapshot_write(call, states, *snapshot);
    device_snapshot_write(stream_of(call.call), call, states, *snapshot);
  }

 private:
  // What the list of architectures cannot tell: code for a neighbouring architecture, or a driver that
  // refuses it.
  void require_kernels() {
    int architecture = 0;
    const int code = cuda::probe_kernel_image(&architecture);
    if (cuda::is_without_kernels(code)) {
      throw Failure{LPREG_ERR_BACKEND_UNAVAILABLE, "device", -1,
                    "this library holds no kernels that the device runs; build it with its CUDAARCHS"};
    }
    check_device(code);
    facts_.has_clusters = architecture >= cuda::kArchitectureWithClusters;
  }

  DeviceStream stream_of(const lpreg_call* call) const {
    if (is_over_host_memory(call)) {
      throw Failure{LPREG_ERR_BACKEND_UNAVAILABLE, "host_memory", -1,
                    "a CUDA context takes device memory for this operation"};
    }
    if (cancelled(call)) throw Failure{LPREG_ERR_CANCELLED, "", -1, "the call was cancelled"};
    return {facts_, status_, call == nullptr ? nullptr : call->stream};
  }

  int reset_status(void* stream) {
    static constexpr cuda::StatusWord kClean{cuda::kNothingFound, 0};
    return cuda::copy_to_device(status_, &kClean, sizeof kClean, stream);
  }

  static void check_loss_call(const LossCall& call, bool with_objective) {
    check_loss_options(call.options);
    check_layout(call.batch, Memory::kDevice);
    check_row_pointers(call.options.row, call.batch, true);
    if (with_objective) check_objective_pointers(call.options, call.batch, Memory::kDevice);
  }

  static void check_row_call(const RowCall& call, const lpreg_row_state* states,
                             const lpreg_row_state* proxy_states) {
    check_row_stats_options(call.options);
    check_layout(call.batch, Memory::kDevice);
    check_row_pointers(call.options, call.batch, false);
    check_row_states(call, states, proxy_states);
  }

  static void check_row_values(const DeviceStream& on, const RowCall& call, const RowCotangents& cotangents) {
    check_device(cuda::launch_check_inputs(row_input_arguments(on, call.batch, cotangents), on.stream));
  }

  int device_;
  cuda::DeviceFacts facts_{};
  HostTensorCalls host_tensors_;
  DeviceArena status_memory_;
  cuda::StatusWord* status_ = nullptr;
};

}  // namespace

std::unique_ptr<DeviceEngine> make_device_engine(int device, int64_t staging_bytes) {
  require_device(device);
  return std::make_unique<CudaEngine>(device, staging_bytes);
}

}  // namespace lpreg
