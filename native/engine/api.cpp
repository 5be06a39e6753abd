// The function table of lpreg.h: each entry checks its pointers and hands over to the engine inside guard().
#include <memory>
#include <mutex>

#include "../cpu/dispatch.h"
#include "api_arguments.h"
#include "api_pieces.h"
#include "cuda_support.h"
#include "device_functions.h"
#include "loss.h"
#include "validate.h"

#ifndef LPREG_VERSION
#error "the build defines LPREG_VERSION from package.json"
#endif

namespace lpreg {
namespace {

constexpr int32_t kMaxThreads = 4096;

int thread_count(int32_t asked) {
  if (asked < 0 || asked > kMaxThreads)
    throw Failure{LPREG_ERR_OPTION, "threads", -1, "must lie in [0, 4096]"};
  return asked == 0 ? cpu::usable_threads() : asked;
}

// On a device the result is device memory, which the host must not read.
void check_result(const lpreg_context* context, const lpreg_loss_result* result, const lpreg_call* call) {
  const bool in_host_memory = call != nullptr && call->host_memory != 0;
  const bool on_device = context != nullptr && context->device != nullptr && !in_host_memory;
  if (result != nullptr && !on_device) check_struct(result, "result");
}

LossCall loss_call(lpreg_context* context, const lpreg_loss_options* options, const lpreg_batch* batch,
                   void* workspace, size_t bytes, const lpreg_call* call) {
  return {
      deref(context, "context"), deref(options, "options"), deref(batch, "batch"), workspace, bytes, call};
}

// -------------------------------------------------------------------------------------------------------
// context

lpreg_status context_create(const lpreg_context_options* options, lpreg_context** context,
                            lpreg_error* error) {
  return guard(error, [&] {
    deref(context, "context") = nullptr;
    check_struct(options, "options");
    if (options->backend < LPREG_BACKEND_AUTO || options->backend > LPREG_BACKEND_CUDA) {
      throw Failure{LPREG_ERR_TYPE, "backend", -1, "not a value of its enumeration"};
    }
    if (cpu::forced_isa_error() != nullptr) {
      throw Failure{LPREG_ERR_OPTION, "LPREG_ISA", -1, cpu::forced_isa_error()};
    }
    const bool on_device = options->backend == LPREG_BACKEND_CUDA;
    if (!on_device && options->device != 0) {
      throw Failure{LPREG_ERR_OPTION_WITHOUT_EFFECT, "device", -1, "only the CUDA backend has devices"};
    }
    if (!on_device && options->staging_bytes != 0) {
      throw Failure{LPREG_ERR_OPTION_WITHOUT_EFFECT, "staging_bytes", -1, "only the CUDA backend stages"};
    }
    auto created = std::make_unique<lpreg_context>(thread_count(options->threads));
    if (on_device) created->device = make_device_engine(options->device, options->staging_bytes);
    *context = created.release();
  });
}

void context_destroy(lpreg_context* context) { delete context; }

lpreg_status context_set_threads(lpreg_context* context, int32_t threads, lpreg_error* error) {
  return guard(error, [&] {
    lpreg_context& target = deref(context, "context");
    const int count = thread_count(threads);
    const std::unique_lock<std::shared_mutex> exclusive(target.mutex);
    target.pool.set_threads(count);
  });
}

lpreg_status context_synchronize(lpreg_context* context, void* stream, lpreg_error* error) {
  return guard(error, [&] {
    DeviceEngine* device = deref(context, "context").device.get();
    if (device != nullptr) device->synchronize(stream);
  });
}

lpreg_status context_info(const lpreg_context* context, lpreg_context_info* info, lpreg_error* error) {
  return guard(error, [&] {
    const lpreg_context& source = deref(context, "context");
    check_struct(info, "info");
    const auto lock = source.in_use();
    info->version = LPREG_VERSION;
    info->instruction_set = source.kernels.name;
    info->instruction_sets = cpu::available_instruction_sets();
    info->cuda_reason = cuda_info().reason;
    info->backend = source.device == nullptr ? LPREG_BACKEND_CPU : LPREG_BACKEND_CUDA;
    info->device = source.device == nullptr ? -1 : source.device->device();
    info->threads = source.pool.threads();
    info->abi_version = LPREG_ABI_VERSION;
  });
}

// ---------------------------------------------------------------------------------------------------- whole
// loss

lpreg_status api_loss_workspace_size(const lpreg_context* context, const lpreg_loss_options* options,
                                     const lpreg_batch* batch, size_t* bytes, lpreg_error* error) {
  return guard(error, [&] {
    DeviceEngine* device = deref(context, "context").device.get();
    const lpreg_loss_options& loss = deref(options, "options");
    deref(bytes, "bytes") = device != nullptr ? device->workspace_size(loss, deref(batch, "batch"))
                                              : loss_workspace_size(loss, deref(batch, "batch"));
  });
}

lpreg_status api_loss_forward(lpreg_context* context, const lpreg_loss_options* options,
                              const lpreg_batch* batch, void* workspace, size_t workspace_bytes,
                              const lpreg_token_outputs* outputs, lpreg_loss_result* result,
                              const lpreg_call* call, lpreg_error* error) {
  return guard(error, [&] {
    check_optional(outputs, call);
    check_result(context, result, call);
    const LossCall run = loss_call(context, options, batch, workspace, workspace_bytes, call);
    const auto lock = run.context.in_use();
    if (run.context.device != nullptr) return run.context.device->loss_forward(run, outputs, result);
    loss_forward(run, outputs, result);
  });
}

lpreg_status api_loss_backward(lpreg_context* context, const lpreg_loss_options* options,
                               const lpreg_batch* batch, const void* workspace, size_t workspace_bytes,
                               lpreg_scalar grad_output, const lpreg_matrix* gradient, const lpreg_call* call,
                               lpreg_error* error) {
  return guard(error, [&] {
    check_optional(nullptr, call);
    // Read only: a backward pass leaves the workspace as it is.
    void* memory = const_cast<void*>(workspace);
    const LossCall run = loss_call(context, options, batch, memory, workspace_bytes, call);
    const auto lock = run.context.in_use();
    if (run.context.device != nullptr)
      return run.context.device->loss_backward(run, grad_output, deref(gradient, "gradient"));
    loss_backward(run, grad_output, deref(gradient, "gradient"));
  });
}

lpreg_status api_loss_forward_backward(lpreg_context* context, const lpreg_loss_options* options,
                                       const lpreg_batch* batch, void* workspace, size_t workspace_bytes,
                                       lpreg_scalar grad_output, const lpreg_matrix* gradient,
                                       const lpreg_token_outputs* outputs, lpreg_loss_result* result,
                                       const lpreg_call* call, lpreg_error* error) {
  return guard(error, [&] {
    check_optional(outputs, call);
    check_result(context, result, call);
    const LossCall run = loss_call(context, options, batch, workspace, workspace_bytes, call);
    const auto lock = run.context.in_use();
    if (run.context.device != nullptr)
      return run.context.device->loss_forward_backward(run, grad_output, deref(gradient, "gradient"), outputs,
                                                       result);
    loss_forward_backward(run, grad_output, deref(gradient, "gradient"), outputs, result);
  });
}

// --------------------------------------------------------------------------------------------------- scalar
// stage

lpreg_status api_objective_workspace_size(const lpreg_context* context, const lpreg_loss_options* options,
                                          const lpreg_batch* batch, size_t* bytes, lpreg_error* error) {
  return api_loss_workspace_size(context, options, batch, bytes, error);
}

lpreg_status api_objective(lpreg_context* context, const lpreg_loss_options* options,
                           const lpreg_batch* batch, const lpreg_token_outputs* tokens, void* workspace,
                           size_t workspace_bytes, const lpreg_token_outputs* outputs,
                           lpreg_loss_result* result, const lpreg_call* call, lpreg_error* error) {
  return guard(error, [&] {
    check_optional(outputs, call);
    check_result(context, result, call);
    check_struct(tokens, "tokens");
    const LossCall run = loss_call(context, options, batch, workspace, workspace_bytes, call);
    const auto lock = run.context.in_use();
    if (run.context.device != nullptr) return run.context.device->objective(run, *tokens, outputs, result);
    objective(run, *tokens, outputs, result);
  });
}

// -------------------------------------------------------------------------------------------- per-token
// operation

lpreg_status api_token_stats(lpreg_context* context, const lpreg_row_options* options,
                             const lpreg_batch* batch, int32_t non_finite, lpreg_row_state* states,
                             lpreg_row_state* proxy_states, const lpreg_token_outputs* outputs,
                             const lpreg_call* call, lpreg_error* error) {
  return guard(error, [&] {
    check_optional(outputs, nullptr);
    const RowCall run = row_call(context, options, batch, call);
    const auto lock = run.context.in_use();
    if (run.context.device != nullptr)
      return run.context.device->token_stats(run, non_finite, states, proxy_states, outputs);
    token_stats(run, non_finite, states, proxy_states, outputs);
  });
}

lpreg_status api_token_stats_backward(lpreg_context* context, const lpreg_row_options* options,
                                      const lpreg_batch* batch, const lpreg_row_state* states,
                                      const lpreg_row_state* proxy_states, const float* d_log_prob,
                                      const float* d_entropy, const float* d_kl, const lpreg_matrix* gradient,
                                      const lpreg_call* call, lpreg_error* error) {
  return guard(error, [&] {
    const RowCall run = row_call(context, options, batch, call);
    const auto lock = run.context.in_use();
    const RowCotangents cotangents{d_log_prob, d_entropy, d_kl};
    const lpreg_matrix& out = deref(gradient, "gradient");
    if (run.context.device != nullptr) {
      return run.context.device->token_stats_backward(run, states, proxy_states, cotangents, out);
    }
    token_stats_backward(run, states, proxy_states, cotangents, out);
  });
}

constexpr lpreg_api kApi = {
    LPREG_ABI_VERSION,
    context_create,
    context_destroy,
    context_set_threads,
    context_info,
    api_loss_workspace_size,
    api_loss_forward,
    api_loss_backward,
    api_loss_forward_backward,
    api_token_stats,
    api_token_stats_backward,
    api_objective_workspace_size,
    api_objective,
    api_row_parts,
    api_row_parts_merge,
    api_row_kept,
    api_row_kept_merge,
    api_row_finalize,
    api_row_gradient,
    api_snapshot_size,
    api_snapshot_write,
    context_synchronize,
    api_cuda_info,
    api_device_info,
    api_device_of_pointer,
    api_device_allocate,
    api_device_release,
    api_device_upload,
    api_device_download,
    api_device_clear,
    api_device_synchronize,
    api_stream_create,
    api_stream_destroy,
};

}  // namespace
}  // namespace lpreg

extern "C" const lpreg_api* lpreg_get_api(uint32_t abi_version) {
  return abi_version == LPREG_ABI_VERSION ? &lpreg::kApi : nullptr;
}
