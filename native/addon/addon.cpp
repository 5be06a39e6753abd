// Registration: what lib/native/addon-types.ts describes. They throw Errors, or failures as described there.
#include <napi.h>

#include <stdexcept>
#include <utility>

#include "context.h"
#include "device_functions.h"
#include "environment.h"
#include "operation.h"
#include "options.h"
#include "results.h"
#include "yardstick.h"

namespace lpreg_addon {
namespace {

using Function = Napi::Value (*)(const Napi::CallbackInfo& info);

// Throws a failure as an object of its own, see failure.h.
template <Function function>
Napi::Value guarded(const Napi::CallbackInfo& info) {
  try {
    return function(info);
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    napi_throw(info.Env(), failure_object(info.Env(), current_failure()));
    return {};
  }
}

uint32_t job_id(const Napi::CallbackInfo& info) { return static_cast<uint32_t>(as_int32(info[0], "id")); }

// createContext(backend, threads, device, stagingBytes) -> number
Napi::Value create_context(const Napi::CallbackInfo& info) {
  Environment& environment = Environment::of(info.Env());
  std::vector<std::shared_ptr<Context>>& contexts = environment.contexts;
  const int32_t backend = as_int32(info[0], "backend");
  const int32_t threads = as_int32(info[1], "threads");
  const int32_t device = as_int32(info[2], "device");
  const int64_t staging_bytes = as_size(info[3], "staging_bytes");
  contexts.push_back(
      std::make_shared<Context>(*environment.library.api, backend, threads, device, staging_bytes));
  return Napi::Number::New(info.Env(), static_cast<double>(contexts.size() - 1));
}

// contextInfo(context)
Napi::Value context_info(const Napi::CallbackInfo& info) {
  return Environment::of(info.Env()).context(info[0])->info(info.Env());
}

// setThreads(context, threads)
Napi::Value set_threads(const Napi::CallbackInfo& info) {
  Environment::of(info.Env()).context(info[0])->set_threads(as_int32(info[1], "threads"));
  return info.Env().Undefined();
}

std::unique_ptr<Operation> read_operation(const Napi::CallbackInfo& info, bool is_job) {
  std::shared_ptr<Context> context = Environment::of(info.Env()).context(info[0]);
  const Arguments arguments(info, 2);
  return make_operation(info[1], {std::move(context), arguments, is_job});
}

// run(context, operation, ...arguments)
Napi::Value run(const Napi::CallbackInfo& info) {
  const std::unique_ptr<Operation> operation = read_operation(info, false);
  if (std::optional<Failure> failure = run_operation(*operation, nullptr, nullptr)) throw std::move(*failure);
  return operation->result(info.Env());
}

// submit(context, operation, ...arguments)
Napi::Value submit(const Napi::CallbackInfo& info) {
  return Environment::of(info.Env()).executor.submit(read_operation(info, true));
}

// abort(id)
Napi::Value abort_job(const Napi::CallbackInfo& info) {
  Environment::of(info.Env()).executor.abort(job_id(info));
  return info.Env().Undefined();
}

// rowsDone(id)
Napi::Value rows_done(const Napi::CallbackInfo& info) {
  const int64_t rows = Environment::of(info.Env()).executor.rows_done(job_id(info));
  return Napi::Number::New(info.Env(), static_cast<double>(rows));
}

// Orders that both sides must agree on, for a test to compare.
Napi::Object orders(Napi::Env env) {
  Napi::Object orders = Napi::Object::New(env);
  orders.Set("operations", operation_names(env));
  orders.Set("arguments", argument_names(env));
  orders.Set("rowOptions", row_option_names(env));
  orders.Set("lossOptions", loss_option_names(env));
  orders.Set("scalars", scalar_names(env));
  orders.Set("tokenFields", token_field_names(env));
  return orders;
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  try {
    env.SetInstanceData(new Environment(env));
  } catch (const std::runtime_error& error) {
    throw Napi::Error::New(env, error.what());
  }
  exports.Set("addonPath", Environment::of(env).library.addon_path);
  exports.Set("libraryPath", Environment::of(env).library.path);
  exports.Set("orders", orders(env));
  exports.Set("createContext", Napi::Function::New<guarded<create_context>>(env));
  exports.Set("contextInfo", Napi::Function::New<guarded<context_info>>(env));
  exports.Set("setThreads", Napi::Function::New<guarded<set_threads>>(env));
  exports.Set("run", Napi::Function::New<guarded<run>>(env));
  exports.Set("submit", Napi::Function::New<guarded<submit>>(env));
  exports.Set("abort", Napi::Function::New<guarded<abort_job>>(env));
  exports.Set("rowsDone", Napi::Function::New<guarded<rows_done>>(env));
  exports.Set("cudaInfo", Napi::Function::New<guarded<cuda_info>>(env));
  exports.Set("deviceInfo", Napi::Function::New<guarded<device_info>>(env));
  exports.Set("deviceAllocate", Napi::Function::New<guarded<device_allocate>>(env));
  exports.Set("deviceWrap", Napi::Function::New<guarded<device_wrap>>(env));
  exports.Set("deviceFacts", Napi::Function::New<guarded<device_facts>>(env));
  exports.Set("deviceUpload", Napi::Function::New<guarded<device_upload>>(env));
  exports.Set("deviceDownload", Napi::Function::New<guarded<device_download>>(env));
  exports.Set("deviceDispose", Napi::Function::New<guarded<device_dispose>>(env));
  exports.Set("copyTime", Napi::Function::New<guarded<copy_time>>(env));
  exports.Set("negateTime", Napi::Function::New<guarded<negate_time>>(env));
  return exports;
}

NODE_API_MODULE(lp_reg, initialize)

}  // namespace
}  // namespace lpreg_addon
