#include "failure.h"

#include <new>
#include <system_error>

namespace lpreg_addon {

lpreg_error empty_error() {
  lpreg_error error{};
  error.struct_size = sizeof error;
  error.index = -1;
  return error;
}

Failure to_failure(lpreg_status status, const lpreg_error& error) {
  return {status, error.argument, error.message, error.index, error.output_status};
}

void throw_if_failed(lpreg_status status, const lpreg_error& error) {
  if (status != LPREG_OK) throw to_failure(status, error);
}

Failure current_failure() {
  try {
    throw;
  } catch (const Failure& failure) {
    return failure;
  } catch (const std::bad_alloc&) {
    return {LPREG_ERR_OUT_OF_MEMORY, "", "memory could not be allocated"};
  } catch (const std::system_error&) {
    return {LPREG_ERR_OUT_OF_MEMORY, "", "the system could not start a thread"};
  } catch (const std::exception& exception) {
    return {LPREG_ERR_INTERNAL, "", exception.what()};
  }
}

Napi::Object failed_outcome(Napi::Env env, const Failure& failure) {
  Napi::Object error = Napi::Object::New(env);
  error.Set("status", failure.status);
  error.Set("argument", failure.argument);
  error.Set("message", failure.message);
  error.Set("index", static_cast<double>(failure.index));
  error.Set("outputStatus", failure.output_status);
  Napi::Object result = Napi::Object::New(env);
  result.Set("error", error);
  return result;
}

Napi::Object outcome(Napi::Env env, Napi::Value value) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("value", value);
  return result;
}

}  // namespace lpreg_addon
