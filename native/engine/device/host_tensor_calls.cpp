#include "host_tensor_calls.h"

#include "device_loss.h"
#include "device_snapshot.h"
#include "host_call.h"

namespace lpreg {
namespace {

// The caller's workspace, as large as the device's.
size_t require_workspace(const LossCall& call) {
  DeviceWorkspace layout{};
  const size_t needed =
      lay_out(nullptr, call.batch.rows, call.batch.sequences, has_proxy_states(call.options), &layout);
  if (call.workspace == nullptr || call.workspace_bytes < needed) {
    throw Failure{LPREG_ERR_WORKSPACE, "workspace", -1, "smaller than its size query asks for"};
  }
  return needed;
}

void require_forward_pass(const LossCall& call) {
  cuda::WorkspaceMark mark{};
  std::memcpy(&mark, call.workspace, sizeof mark);
  if (mark.magic == cuda::kWorkspaceMagic && mark.rows == call.batch.rows) return;
  throw Failure{LPREG_ERR_WORKSPACE, "workspace", -1, "holds no forward pass of this batch"};
}

// The loss of a call, on device copies of its arrays.
class HostLoss {
 public:
  HostLoss(HostTensorMemory* memory, const cuda::DeviceFacts& facts, const LossCall& call,
           const lpreg_matrix* gradient)
      : source_(call),
        bytes_(require_workspace(call)),
        host_(memory, facts, call.context, call.batch, gradient, call.call) {}

  HostCall& host() { return host_; }

  // A pass that finishes the workspace, for later backward passes.
  void forward(const lpreg_token_outputs* outputs, lpreg_loss_result* result,
               const std::function<void(DeviceLossRun&)>& body) {
    std::memset(source_.workspace, 0, sizeof(cuda::WorkspaceMark));
    workspace_ = static_cast<char*>(source_.workspace);
    host_.mirror().add(&workspace_, static_cast<int64_t>(bytes_), Copied::kOut);
    host_.add_row_arrays();
    host_.add_objective_arrays();
    run(outputs, result, body);
  }

  void backward(const std::function<void(DeviceLossRun&)>& body) {
    require_forward_pass(source_);
    workspace_ = static_cast<char*>(source_.workspace);
    host_.mirror().add(&workspace_, static_cast<int64_t>(bytes_), Copied::kIn);
    host_.add_row_arrays();
    run(nullptr, nullptr, body);
  }

  void scalar_stage(const lpreg_token_outputs* outputs, lpreg_loss_result* result,
                    const std::function<void(DeviceLossRun&)>& body) {
    host_.mirror().add_scratch(&workspace_, static_cast<int64_t>(bytes_));
    host_.add_objective_arrays();
    run(outputs, result, body);
  }

 private:
  void run(const lpreg_token_outputs* outputs, lpreg_loss_result* result,
           const std::function<void(DeviceLossRun&)>& body) {
    lpreg_token_outputs written{};
    if (outputs != nullptr) written = *outputs;
    host_.add_tokens(&written, Copied::kOut);
    host_.mirror().add(&result, 1, Copied::kOut);
    host_.run([&] {
      const LossCall call{source_.context, source_.options, host_.batch(), workspace_, bytes_, nullptr};
      const DeviceStream on = host_.on();
      DeviceLossRun loss(on, host_.rows(), call, outputs == nullptr ? nullptr : &written, result);
      body(loss);
    });
  }

  const LossCall& source_;
  size_t bytes_;
  HostCall host_;
  char* workspace_ = nullptr;
};

}  // namespace

void HostTensorCalls::loss_forward(const LossCall& call, const lpreg_token_outputs* outputs,
                                   lpreg_loss_result* result) {
  check_forward(call);
  HostLoss(&memory_, facts_, call, nullptr).forward(outputs, result, [](DeviceLossRun& loss) {
    loss.forward();
  });
}

void HostTensorCalls::loss_backward(const LossCall& call, const lpreg_scalar& grad_output,
                                    const lpreg_matrix& gradient) {
  check_backward(call, grad_output, gradient);
  HostLoss(&memory_, facts_, call, &gradient).backward([&](DeviceLossRun& loss) {
    loss.backward(grad_output, nullptr);
  });
}

void HostTensorCalls::loss_forward_backward(const LossCall& call, const lpreg_scalar& grad_output,
                                            const lpreg_matrix& gradient, const lpreg_token_outputs* outputs,
                                            lpreg_loss_result* result) {
  check_forward_backward(call, grad_output, gradient);
  const bool one_pass = is_fusable(call, gradient);
  HostLoss(&memory_, facts_, call, &gradient).forward(outputs, result, [&](DeviceLossRun& loss) {
    if (one_pass) return loss.single_pass(grad_output);
    loss.forward();
    loss.backward(grad_output, nullptr);
  });
}

void HostTensorCalls::objective(const LossCall& call, const lpreg_token_outputs& tokens,
                                const lpreg_token_outputs* outputs, lpreg_loss_result* result) {
  check_objective(call, tokens);
  lpreg_token_outputs read = tokens;
  HostLoss loss(&memory_, facts_, call, nullptr);
  loss.host().add_layout_arrays();
  loss.host().add_tokens(&read, Copied::kIn);
  loss.scalar_stage(outputs, result, [&](DeviceLossRun& run) { run.from_arrays(read); });
}

void HostTensorCalls::token_stats(const RowCall& call, int32_t non_finite, lpreg_row_state* states,
                                  lpreg_row_state* proxy_states, const lpreg_token_outputs* outputs) {
  check_token_stats(call, states, proxy_states);
  if (call.batch.rows == 0) return;
  HostCall host(&memory_, facts_, call.context, call.batch, nullptr, call.call);
  lpreg_token_outputs written{};
  if (outputs != nullptr) written = *outputs;
  host.add_row_arrays();
  host.add_tokens(&written, Copied::kOut);
  host.mirror().add(&states, call.batch.rows, Copied::kOut);
  host.mirror().add(&proxy_states, call.batch.rows, Copied::kOut);
  host.run([&] {
    run_token_stats(host.on(), host.rows(), call.options, host.batch(), non_finite, states, proxy_states,
                    outputs == nullptr ? nullptr : &written);
  });
}

void HostTensorCalls::token_stats_backward(const RowCall& call, const lpreg_row_state* states,
                                           const lpreg_row_state* proxy_states,
                                           const RowCotangents& cotangents, const lpreg_matrix& gradient) {
  check_token_stats_backward(call, states, proxy_states, cotangents, gradient);
  if (call.batch.rows == 0) return;
  HostCall host(&memory_, facts_, call.context, call.batch, &gradient, call.call);
  RowCotangents read = cotangents;
  host.add_row_arrays();
  host.mirror().add(&states, call.batch.rows, Copied::kIn);
  host.mirror().add(&proxy_states, call.batch.rows, Copied::kIn);
  for (const float** array : {&read.log_prob, &read.entropy, &read.kl}) {
    host.mirror().add(array, call.batch.rows, Copied::kIn);
  }
  host.run([&] {
    const DeviceStream on = host.on();
    run_gradient(on, host.rows(), cuda::row_pass(host.batch(), call.options, on.status),
                 {states, proxy_states, read, kNoScalar, nullptr});
  });
}

int64_t HostTensorCalls::snapshot_size(const RowCall& call, lpreg_row_state* states) {
  check_snapshot_inputs(call, states);
  HostCall host(&memory_, facts_, call.context, call.batch, nullptr, call.call);
  lpreg_row_state* on_device = states;
  host.add_layout_arrays();
  host.mirror().add(&on_device, call.batch.rows, Copied::kOut);
  host.run([&] { compute_snapshot_states(host.on(), host.rows(), call.options, host.batch(), on_device); });
  return count_entries(states, call.batch.rows);
}

// What needs the states alone is written on the host, as on the CPU; the entries, by kernels.
void HostTensorCalls::snapshot_write(const RowCall& call, lpreg_row_state* states,
                                     const lpreg_snapshot& snapshot) {
  check_snapshot_target(call, &snapshot);
  check_snapshot_inputs(call, states);
  const int64_t rows = call.batch.rows;
  HostCall host(&memory_, facts_, call.context, call.batch, nullptr, call.call);
  lpreg_row_state* states_on_device = nullptr;
  lpreg_snapshot on_device = snapshot;
  host.add_layout_arrays();
  host.mirror().add_scratch(&states_on_device, rows);
  host.mirror().add_scratch(&on_device.row_ptr, rows + 1);
  host.mirror().add_scratch(&on_device.ids, snapshot.capacity);
  host.mirror().add_scratch(&on_device.log_q, snapshot.capacity);
  host.run([&] {
    const DeviceStream on = host.on();
    cuda::SnapshotArguments arguments =
        compute_snapshot_states(on, host.rows(), call.options, host.batch(), states_on_device);
    host.settle();
    const auto bytes = [](const auto* array, int64_t count) {
      return sizeof *array * static_cast<size_t>(count);
    };
    if (rows == 0) return write_rows(states, &snapshot);
    check_device(cuda::copy_to_host(states, states_on_device, bytes(states, rows), on.stream));
    check_device(cuda::synchronize(on.stream));
    write_rows(states, &snapshot);
    const int64_t entries = snapshot.row_ptr[rows];
    if (entries == 0) return;
    check_device(cuda::copy_to_device(on_device.row_ptr, snapshot.row_ptr, bytes(snapshot.row_ptr, rows + 1),
                                      on.stream));
    arguments.snapshot = on_device;
    write_snapshot_entries(on, host.rows(), arguments);
    check_device(cuda::copy_to_host(snapshot.ids, on_device.ids, bytes(snapshot.ids, entries), on.stream));
    check_device(
        cuda::copy_to_host(snapshot.log_q, on_device.log_q, bytes(snapshot.log_q, entries), on.stream));
  });
}

}  // namespace lpreg
