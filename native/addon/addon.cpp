// Registration: what lib/native/addon-types.ts describes. Each function returns { value } or { error }.
#include <napi.h>

#include <stdexcept>
#include <utility>

#include "context.h"
#include "environment.h"
#include "operation.h"
#include "property.h"
#include "yardstick.h"

namespace lpreg_addon {
namespace {

using Function = Napi::Value (*)(const Napi::CallbackInfo& info);

template <Function function>
Napi::Value guarded(const Napi::CallbackInfo& info) {
  try {
    return outcome(info.Env(), function(info));
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    return failed_outcome(info.Env(), current_failure());
  }
}

uint32_t job_id(const Napi::CallbackInfo& info) { return static_cast<uint32_t>(as_int32(info[0], "id")); }

// createContext(backend, threads)
Napi::Value create_context(const Napi::CallbackInfo& info) {
  const lpreg_api& api = *Environment::of(info.Env()).library.api;
  return wrap(info.Env(),
              std::make_shared<Context>(api, as_int32(info[0], "backend"), as_int32(info[1], "threads")));
}

// contextInfo(context)
Napi::Value context_info(const Napi::CallbackInfo& info) {
  return unwrap<Context>(info[0])->info(info.Env());
}

// setThreads(context, threads)
Napi::Value set_threads(const Napi::CallbackInfo& info) {
  unwrap<Context>(info[0])->set_threads(as_int32(info[1], "threads"));
  return info.Env().Undefined();
}

std::unique_ptr<Operation> read_operation(const Napi::CallbackInfo& info, bool is_job) {
  if (!info[1].IsString()) throw Failure{LPREG_ERR_TYPE, "operation", "expected a string"};
  return make_operation(info[1].As<Napi::String>().Utf8Value(),
                        {unwrap<Context>(info[0]), as_object(info[2], "arguments"), is_job});
}

// run(context, operation, arguments)
Napi::Value run(const Napi::CallbackInfo& info) {
  const std::unique_ptr<Operation> operation = read_operation(info, false);
  if (std::optional<Failure> failure = run_operation(*operation, nullptr, nullptr)) throw std::move(*failure);
  return operation->result(info.Env());
}

// submit(context, operation, arguments)
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

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  try {
    env.SetInstanceData(new Environment(env));
  } catch (const std::runtime_error& error) {
    throw Napi::Error::New(env, error.what());
  }
  exports.Set("addonPath", Environment::of(env).library.addon_path);
  exports.Set("libraryPath", Environment::of(env).library.path);
  exports.Set("createContext", Napi::Function::New<guarded<create_context>>(env));
  exports.Set("contextInfo", Napi::Function::New<guarded<context_info>>(env));
  exports.Set("setThreads", Napi::Function::New<guarded<set_threads>>(env));
  exports.Set("run", Napi::Function::New<guarded<run>>(env));
  exports.Set("submit", Napi::Function::New<guarded<submit>>(env));
  exports.Set("abort", Napi::Function::New<guarded<abort_job>>(env));
  exports.Set("rowsDone", Napi::Function::New<guarded<rows_done>>(env));
  exports.Set("copyTime", Napi::Function::New<guarded<copy_time>>(env));
  exports.Set("negateTime", Napi::Function::New<guarded<negate_time>>(env));
  return exports;
}

NODE_API_MODULE(lp_reg, initialize)

}  // namespace
}  // namespace lpreg_addon
