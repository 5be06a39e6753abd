#include "context.h"

namespace lpreg_addon {

Context::Context(const lpreg_api& api, int32_t backend, int32_t threads, int32_t device,
                 int64_t staging_bytes)
    : api_(api), on_cuda_(backend == LPREG_BACKEND_CUDA), device_(device) {
  lpreg_context_options options{};
  options.struct_size = sizeof options;
  options.backend = backend;
  options.threads = threads;
  options.device = device;
  options.staging_bytes = staging_bytes;
  lpreg_error error = empty_error();
  throw_if_failed(api_.context_create(&options, &context_, &error), error);
}

Context::~Context() { api_.context_destroy(context_); }

void Context::set_threads(int32_t threads) {
  lpreg_error error = empty_error();
  throw_if_failed(api_.context_set_threads(context_, threads, &error), error);
}

Napi::Object Context::info(Napi::Env env) const {
  lpreg_context_info info{};
  info.struct_size = sizeof info;
  lpreg_error error = empty_error();
  throw_if_failed(api_.context_info(context_, &info, &error), error);
  Napi::Object object = Napi::Object::New(env);
  object.Set("version", info.version);
  object.Set("instructionSet", info.instruction_set);
  object.Set("instructionSets", info.instruction_sets);
  object.Set("cudaReason", info.cuda_reason);
  object.Set("backend", info.backend);
  object.Set("threads", info.threads);
  object.Set("abiVersion", info.abi_version);
  return object;
}

}  // namespace lpreg_addon
